//! The header that is in git is the one that the sources make.
//! `KRS_WRITE_HEADER=1 cargo test --test header` (that is, `make header`) writes it.

use std::path::Path;

/// Sections of the header, in order: each has its file in `src/ffi`.
const SECTIONS: &[&str] = &[
    "library", "error", "conf", "client", "cluster", "producer", "txn", "consumer", "chan",
    "batch", "admin", "mock",
];

#[test]
fn the_header_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let header = root.join("include/kafka_rs.h");
    let generated = generate(root);
    if std::env::var_os("KRS_WRITE_HEADER").is_some() {
        std::fs::write(&header, &generated).unwrap();
    }
    let checked_in = std::fs::read_to_string(&header).unwrap_or_default();
    assert!(
        checked_in == generated,
        "include/kafka_rs.h is not what src/ffi makes: run `make header` and commit the result"
    );
}

fn generate(root: &Path) -> String {
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let mut builder = cbindgen::Builder::new().with_config(config);
    for file in ["types"].iter().chain(SECTIONS) {
        builder = builder.with_src(root.join(format!("src/ffi/{file}.rs")));
    }
    let mut bytes = Vec::new();
    builder.generate().unwrap().write(&mut bytes);
    let plain = with_plain_names(&String::from_utf8(bytes).unwrap());
    with_section_titles(&plain)
}

/// `krs_conf` rather than `struct krs_conf`, for every struct has a typedef, and
/// negative numbers in parentheses.
fn with_plain_names(header: &str) -> String {
    header.lines().map(|line| plain_line(line) + "\n").collect()
}

fn plain_line(line: &str) -> String {
    match line.rsplit_once(' ') {
        Some((define, number)) if line.starts_with("#define") && number.starts_with('-') => {
            format!("{define} ({number})")
        }
        _ if line.starts_with("typedef") => line.to_owned(),
        _ => line.replace("struct krs_", "krs_"),
    }
}

/// A title before the first function of each section.
fn with_section_titles(header: &str) -> String {
    let mut titled = String::new();
    let mut sections = SECTIONS.iter().copied().peekable();
    for block in header.split_inclusive("\n\n") {
        if let Some(section) = sections.next_if(|section| is_first_of(section, block)) {
            let rule = "-".repeat(86 - section.len());
            titled.push_str(&format!("/* ---- {section} {rule} */\n\n"));
        }
        titled.push_str(block);
    }
    assert_eq!(sections.next(), None, "a section has no function");
    titled
}

fn is_first_of(section: &str, block: &str) -> bool {
    let first = match section {
        "library" => "krs_version(".to_owned(),
        section => format!("krs_{section}_"),
    };
    let mut code = block.lines().filter(|line| !line.starts_with("//"));
    code.next().is_some_and(|line| {
        line.contains('(') && line.contains(&first) && !line.contains("#define")
    })
}
