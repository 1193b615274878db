//! What `make install` puts down is all that a program needs to be compiled,
//! linked and run: with the shared library, with the static one, fully static,
//! and beside other copies of what is inside.

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use once_cell::sync::Lazy;
use parking_lot::Mutex;

const LIMIT: Duration = Duration::from_secs(300);

/// An installed tree, and one like it without the shared library, in which
/// `-lkafka_rs` is the static one.
struct Installed {
    prefix: PathBuf,
    static_only: PathBuf,
}

static INSTALLED: Lazy<Installed> = Lazy::new(|| {
    let prefix = fresh_dir("prefix");
    make(&["install", &format!("PREFIX={}", prefix.display())]);
    let static_only = fresh_dir("static-only");
    make(&["install", &format!("PREFIX={}", static_only.display())]);
    for file in files_below(&static_only) {
        if file.contains(".so") {
            std::fs::remove_file(static_only.join(file)).expect("it was installed just now");
        }
    }
    Installed {
        prefix,
        static_only,
    }
});

fn fresh_dir(name: &str) -> PathBuf {
    let dir = common::root().join("target/install").join(name);
    if dir.exists() {
        std::fs::remove_dir_all(&dir).expect("target can be written");
    }
    std::fs::create_dir_all(&dir).expect("target can be written");
    dir
}

fn make(args: &[&str]) -> String {
    // Two at once would make the same files.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock();
    let mut command = Command::new("make");
    // This test may itself run below make, whose variables are not meant for this one.
    command.env_remove("MAKEFLAGS").env_remove("MAKEOVERRIDES");
    command
        .arg("-C")
        .arg(common::root())
        .arg("--no-print-directory");
    text_of(command.args(args))
}

fn text_of(command: &mut Command) -> String {
    let output = common::must_succeed(command);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Files and links, relative to `dir`.
fn files_below(dir: &Path) -> BTreeSet<String> {
    let text = text_of(Command::new("find").arg(dir).args(["!", "-type", "d"]));
    let prefix = format!("{}/", dir.display());
    text.lines()
        .filter_map(|line| line.strip_prefix(&prefix))
        .map(str::to_owned)
        .collect()
}

fn pkg_config(prefix: &Path, options: &[&str]) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    command.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
    let text = text_of(command.args(options).arg("kafka_rs"));
    text.split_whitespace().map(str::to_owned).collect()
}

/// A compiler that knows of the library only what pkg-config says.
fn compiler() -> Command {
    let mut command = Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".to_owned()));
    command.args([
        "-std=c99",
        "-O1",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Werror",
    ]);
    command
}

/// `cc app.c $(pkg-config …)`, as a user would type it.
fn build_app(name: &str, prefix: &Path, compiler_options: &[&str], options: &[&str]) -> PathBuf {
    let program = common::root().join("target/install").join(name);
    let mut command = compiler();
    command
        .args(compiler_options)
        .arg(common::root().join("tests/install/app.c"))
        .args(pkg_config(prefix, options))
        .arg("-o")
        .arg(&program);
    common::must_succeed(&mut command);
    program
}

fn run_app(program: &Path) {
    let features = {
        let output = common::must_succeed_within(program, &[], LIMIT);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let features: BTreeSet<&str> = features.split(',').collect();
    let mut promised = vec!["ssl", "sasl_plain", "sasl_scram", "sasl_oauthbearer"];
    promised.extend(["gzip", "snappy", "lz4", "zstd"]);
    if cfg!(feature = "oidc") {
        promised.extend(["http", "oidc"]);
    }
    if cfg!(feature = "gssapi") {
        promised.push("sasl_gssapi");
    }
    for feature in promised {
        assert!(features.contains(feature), "no {feature} in {features:?}");
    }
}

/// The shared libraries that a program asks for.
fn needed(program: &Path) -> BTreeSet<String> {
    let text = text_of(Command::new("readelf").arg("-d").arg(program));
    text.lines()
        .filter(|line| line.contains("(NEEDED)"))
        .filter_map(|line| line.split(['[', ']']).nth(1))
        .map(str::to_owned)
        .collect()
}

/// Names of the symbols that `nm` prints, with their letters.
fn symbols(options: &[&str], file: &Path) -> Vec<(String, String)> {
    let text = text_of(
        Command::new("nm")
            .args(options)
            .arg("--format=posix")
            .arg(file),
    );
    text.lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?.to_owned(), words.next()?.to_owned()))
        })
        .collect()
}

#[test]
fn a_program_finds_the_shared_library_with_pkg_config() {
    let prefix = &INSTALLED.prefix;
    let program = build_app("app-shared", prefix, &[], &["--cflags", "--libs"]);
    assert!(needed(&program).contains("libkafka_rs.so.1"));
    // Installed where the loader doesn't look by itself.
    let rpath = common::rpath(&prefix.join("lib"));
    let program = build_app("app-rpath", prefix, &[&rpath], &["--cflags", "--libs"]);
    run_app(&program);
}

#[test]
fn a_program_links_the_static_library_with_what_pkg_config_names() {
    let options = ["--static", "--cflags", "--libs"];
    let program = build_app("app-archive", &INSTALLED.static_only, &[], &options);
    let needed = needed(&program);
    assert!(!needed.iter().any(|library| library.contains("kafka")));
    run_app(&program);

    // Where both are installed, the archive is chosen by its name.
    let name = pkg_config(&INSTALLED.prefix, &["--variable=libdir"]).concat() + "/libkafka_rs.a";
    let cflags = pkg_config(&INSTALLED.prefix, &["--cflags"]);
    let program = common::root().join("target/install/app-by-name");
    let mut command = compiler();
    command
        .arg(common::root().join("tests/install/app.c"))
        .args(cflags)
        .arg(name)
        .args(["-lm", "-ldl", "-lpthread"])
        .arg("-o")
        .arg(&program);
    common::must_succeed(&mut command);
    run_app(&program);

    // And if it is not, the linker takes the shared one, and may.
    let rpath = common::rpath(&INSTALLED.prefix.join("lib"));
    run_app(&build_app(
        "app-both",
        &INSTALLED.prefix,
        &[&rpath],
        &options,
    ));
}

/// What else may be taken from the system may not be there as a static library.
#[cfg(not(any(feature = "oidc", feature = "gssapi")))]
#[test]
fn a_fully_static_program_runs() {
    let options = ["--static", "--cflags", "--libs"];
    let program = build_app("app-static", &INSTALLED.prefix, &["-static"], &options);
    let output = Command::new("ldd").arg(&program).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("not a dynamic executable"), "{text}");
    run_app(&program);
}

#[cfg(not(any(feature = "oidc", feature = "gssapi")))]
#[test]
fn the_static_library_lives_beside_other_copies_of_what_is_inside() {
    let dir = fresh_dir("neighbours");
    let rust = dir.join("libneighbour.a");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    common::must_succeed(
        Command::new(rustc)
            .args(["-O", "--crate-type=staticlib", "-o"])
            .arg(&rust)
            .arg(common::root().join("tests/install/neighbour.rs")),
    );
    let rdkafka = built("rdkafka-sys", "out/src/librdkafka.a");
    let zlib = built("libz-sys", "out/lib/libz.a");
    let zstd = built("zstd-sys", "out/libzstd.a");
    let ssl = openssl().join("libssl.a");
    let crypto = ssl.with_file_name("libcrypto.a");
    let ours = INSTALLED.prefix.join("lib/libkafka_rs.a");
    let theirs = [&rust, &rdkafka, &ssl, &crypto, &zlib, &zstd];

    // Neither may win over the other, whichever comes first.
    for (order, ours_first) in [("ours-first", true), ("ours-last", false)] {
        for linking in ["-no-pie", "-static"] {
            let program = dir.join(format!("{order}{linking}"));
            let mut command = compiler();
            command
                .arg(linking)
                .args(pkg_config(&INSTALLED.prefix, &["--cflags"]));
            for include in [&rdkafka, &zlib, &ssl] {
                let library_dir = include.parent().expect("a file is in a directory");
                command.arg("-isystem").arg(library_dir);
                command.arg("-isystem").arg(library_dir.join("../include"));
            }
            command.arg(common::root().join("tests/install/neighbours.c"));
            if ours_first {
                command.arg(&ours).args(theirs);
            } else {
                command.args(theirs).arg(&ours);
            }
            command
                .args(["-lm", "-ldl", "-lpthread", "-o"])
                .arg(&program);
            common::must_succeed(&mut command);
            let symbols = symbols(&["--defined-only"], &program);
            for twice in ["rd_kafka_new", "EVP_Digest", "crc32", "LZ4F_compressBound"] {
                let count = symbols.iter().filter(|(name, _)| name == twice).count();
                assert_eq!(count, 2, "{order} {linking}: {twice}");
            }
            common::must_succeed_within(&program, &[], LIMIT);
        }
    }
}

/// Where the static OpenSSL is that the library was built with.
#[cfg(not(any(feature = "oidc", feature = "gssapi")))]
fn openssl() -> PathBuf {
    if std::env::var_os("OPENSSL_NO_VENDOR").is_none() {
        return built("openssl-sys", "out/openssl-build/install/lib");
    }
    let mut command = Command::new("pkg-config");
    let dir = text_of(command.args(["--variable=libdir", "openssl"]));
    PathBuf::from(dir.trim())
}

/// What the build of a dependency left behind, its newest if there are more.
#[cfg(not(any(feature = "oidc", feature = "gssapi")))]
fn built(package: &str, file: &str) -> PathBuf {
    let builds = common::library_dir().join("../build");
    let found = std::fs::read_dir(&builds).expect("cargo built there");
    found
        .map(|entry| entry.expect("it can be read").path())
        .filter(|dir| {
            let name = dir.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(&format!("{package}-"))
        })
        .map(|dir| dir.join(file))
        .filter(|path| path.exists())
        .max_by_key(|path| path.metadata().and_then(|data| data.modified()).ok())
        .unwrap_or_else(|| panic!("no {file} of {package} in {}", builds.display()))
}

#[test]
fn the_static_library_shows_what_the_shared_one_does_and_nothing_else() {
    let libraries = INSTALLED.prefix.join("lib");
    let names = |options: &[&str], file: &str| -> BTreeSet<String> {
        let symbols = symbols(options, &libraries.join(file));
        symbols.into_iter().map(|(name, _)| name).collect()
    };
    let shared = names(&["-D", "--defined-only"], "libkafka_rs.so.1");
    // The archive's member is a line of its own.
    let mut archive = names(&["-g", "--defined-only"], "libkafka_rs.a");
    archive.retain(|name| !name.ends_with("]:"));
    assert!(shared.len() > 30, "{shared:?}");
    assert_eq!(archive, shared);
}

/// `src/rd/memory.c` says why.
#[test]
fn the_static_library_has_the_allocator_and_clock_of_the_shared_one() {
    let archive = INSTALLED.prefix.join("lib/libkafka_rs.a");
    let undefined = symbols(&["-u"], &archive);
    for wrapped in ["malloc", "calloc", "posix_memalign"] {
        let found = undefined.iter().any(|(name, _)| name == wrapped);
        assert!(!found, "{wrapped} is libc's");
    }
    // What libc allocated goes back to it. A weak reference would bring nothing out of a
    // static libc.
    for real in ["free", "realloc", "clock_gettime", "gettimeofday", "poll"] {
        let found = undefined.iter().find(|(name, _)| name == real);
        assert_eq!(found.map(|(_, kind)| kind.as_str()), Some("U"), "{real}");
    }
}

#[test]
fn install_writes_below_destdir_and_uninstall_leaves_no_file() {
    let stage = fresh_dir("stage");
    let destination = format!("DESTDIR={}", stage.display());
    let args = [&destination, "PREFIX=/opt/krs", "LIBDIR=/opt/krs/lib64"];
    make(&[&["install"], &args[..]].concat());
    let versioned = format!(
        "opt/krs/lib64/libkafka_rs.so.1.{}",
        env!("CARGO_PKG_VERSION")
    );
    let expected = [
        "opt/krs/include/kafka_rs.h",
        "opt/krs/lib64/libkafka_rs.a",
        "opt/krs/lib64/libkafka_rs.so",
        "opt/krs/lib64/libkafka_rs.so.1",
        &versioned,
        "opt/krs/lib64/pkgconfig/kafka_rs.pc",
    ];
    assert_eq!(files_below(&stage), expected.map(str::to_owned).into());
    let file = stage.join(expected[5]);
    let text = std::fs::read_to_string(file).expect("it is installed");
    assert!(text.contains("prefix=/opt/krs\n"), "{text}");
    assert!(text.contains("libdir=${prefix}/lib64\n"), "{text}");
    assert!(!text.contains(&stage.display().to_string()), "{text}");

    make(&[&["uninstall"], &args[..]].concat());
    assert_eq!(files_below(&stage), BTreeSet::new());
}

#[test]
fn the_libraries_stay_within_their_sizes() {
    print!("{}", make(&["size"]));
}
