//! The shape of the code base: what is exported, where `unsafe` and librdkafka
//! may appear, and that the header stands on its own.

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn the_shared_library_exports_what_the_header_declares_and_nothing_else() {
    let library = common::library_dir().join("libkafka_rs.so");
    let output = common::must_succeed(
        Command::new("nm")
            .args(["-D", "--defined-only", "--format=posix"])
            .arg(&library),
    );
    let text = String::from_utf8_lossy(&output.stdout);
    let exported: BTreeSet<&str> = text.lines().filter_map(|l| l.split(' ').next()).collect();
    let header = read(&common::root().join("include/kafka_rs.h"));
    let declared = common::header::declared(&header);
    assert!(declared.len() > 30, "{declared:?}");
    assert_eq!(exported, declared.iter().map(String::as_str).collect());
    println!("{} functions, in header and library alike", declared.len());
}

#[test]
fn the_header_compiles_alone_and_twice_as_c_and_as_cplusplus() {
    let dir = common::root().join("target/header");
    std::fs::create_dir_all(&dir).expect("target can be written");
    for (variable, compiler, standard, extension) in [
        ("CC", "cc", "c99", "c"),
        ("CC", "cc", "c11", "c"),
        ("CXX", "c++", "c++17", "cpp"),
    ] {
        let source = dir.join(format!("twice-{standard}.{extension}"));
        let inits = [
            "krs_error",
            "krs_message",
            "krs_records",
            "krs_batch_view",
            "krs_row",
            "krs_case",
            "krs_close_result",
        ];
        let uses: String = inits
            .iter()
            .map(|name| {
                format!(
                    "extern {name} x_{name};\n{name} x_{name} = {}_INIT;\n",
                    name.to_uppercase()
                )
            })
            .collect();
        let text = format!("#include <kafka_rs.h>\n#include <kafka_rs.h>\n{uses}");
        std::fs::write(&source, text).expect("target can be written");
        let mut command = common::compiler(variable, compiler, standard);
        command
            .arg("-Wconversion")
            .arg("-c")
            .arg(&source)
            .arg("-o")
            .arg(source.with_extension("o"));
        common::must_succeed(&mut command);
    }
}

#[test]
fn unsafe_code_is_only_in_the_rims() {
    for (path, line, text) in source_lines() {
        let rim = in_rim(&path, "ffi") || in_rim(&path, "rd") || path.ends_with("src/lib.rs");
        assert!(
            rim || !text.contains("unsafe"),
            "{}:{line}: {text}",
            path.display()
        );
    }
}

#[test]
fn librdkafka_is_only_named_in_its_rim() {
    for (path, line, text) in source_lines() {
        let named = ["rdkafka_sys", "rd_kafka_"]
            .iter()
            .any(|name| text.contains(name));
        assert!(
            in_rim(&path, "rd") || !named,
            "{}:{line}: {text}",
            path.display()
        );
    }
}

#[test]
fn the_c_types_are_only_used_in_their_rim() {
    for (path, line, text) in source_lines() {
        let test = path.ends_with("src/rd/mod.rs") && text.contains("ffi::types");
        let used = text.contains("crate::ffi") || text.contains("super::ffi");
        assert!(
            in_rim(&path, "ffi") || test || !used,
            "{}:{line}: {text}",
            path.display()
        );
    }
}

/// Every line of code in `src`, without comments.
fn source_lines() -> Vec<(PathBuf, usize, String)> {
    let mut lines = Vec::new();
    let mut folders = vec![common::root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("src can be read") {
            let path = entry.expect("src can be read").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            for (index, line) in read(&path).lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                lines.push((path.clone(), index + 1, code.to_owned()));
            }
        }
    }
    assert!(lines.len() > 2000, "only {} lines found", lines.len());
    lines
}

fn in_rim(path: &Path, rim: &str) -> bool {
    path.starts_with(common::root().join("src").join(rim))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()))
}
