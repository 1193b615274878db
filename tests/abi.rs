//! What programs were compiled with stays: docs/ABI.md is the promise.

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(300);

/// `tests/abi.txt` has every prototype and constant that a program may have been
/// compiled with. `KRS_WRITE_ABI=1 cargo test --release --test abi` adds what is
/// new, and removes nothing.
#[test]
fn every_function_and_constant_is_what_it_was() {
    let pinned_file = common::root().join("tests/abi.txt");
    let pinned = read(&pinned_file);
    let pinned: BTreeSet<String> = pinned.lines().map(str::to_owned).collect();
    let declared = declarations(&header());
    assert!(declared.len() > 80, "{declared:#?}");

    let gone: Vec<&String> = pinned.difference(&declared).collect();
    assert!(
        gone.is_empty(),
        "changed or gone, see docs/ABI.md: {gone:#?}"
    );
    if std::env::var_os("KRS_WRITE_ABI").is_some() {
        let text: String = declared.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(&pinned_file, text).expect("tests can be written");
        return;
    }
    let new: Vec<&String> = declared.difference(&pinned).collect();
    assert!(
        new.is_empty(),
        "new, so run KRS_WRITE_ABI=1 cargo test --release --test abi: {new:#?}"
    );
    println!(
        "{} functions and constants are what they were",
        pinned.len()
    );
}

/// Each prototype and constant of the header on one line.
fn declarations(header: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut prototype = String::new();
    for line in header.lines().filter(|line| !line.starts_with("//")) {
        if let Some(constant) = line.strip_prefix("#define KRS_") {
            // Initial values grow with their structs.
            if constant.contains(' ') && !constant.contains(['{', '\\']) {
                found.insert(line.to_owned());
            }
        } else if line.starts_with(|c: char| c.is_ascii_lowercase()) || !prototype.is_empty() {
            let starts = !prototype.is_empty() || line.contains("krs_") && line.contains('(');
            if !starts {
                continue;
            }
            prototype += &format!("{} ", line.trim());
            if line.ends_with(';') {
                found.insert(prototype.trim().to_owned());
                prototype.clear();
            }
        }
    }
    found
}

#[test]
fn the_abi_version_is_the_same_wherever_it_stands() {
    let stated = kafka_rs::ffi::library::KRS_ABI_VERSION;
    assert_eq!(kafka_rs::ffi::library::krs_abi_version(), stated);
    let makefile = read(&common::root().join("Makefile"));
    assert!(makefile.contains(&format!("\nABI     := {stated}\n")));
    let library = common::library_dir().join("libkafka_rs.so");
    let dynamic = common::must_succeed(Command::new("readelf").arg("-d").arg(library));
    let dynamic = String::from_utf8_lossy(&dynamic.stdout).into_owned();
    assert!(dynamic.contains(&format!("soname: [libkafka_rs.so.{stated}]")));
    let manifest = read(&common::root().join("Cargo.toml"));
    assert!(manifest.contains(&format!(
        "\n[package.metadata.capi.library]\nversion = \"{stated}.0.0\"\n"
    )));
}

#[test]
fn the_loader_in_the_document_finds_and_checks_the_library() {
    let document = read(&common::root().join("docs/ABI.md"));
    let program = document
        .split("```c\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("docs/ABI.md has a C program");
    let loads = |program: &str, name: &str| {
        let built = build(program, name, &common::root().join("include"), &["-ldl"]);
        let mut command = Command::new(built);
        command.env("LD_LIBRARY_PATH", common::library_dir_with_soname());
        command.output().expect("it runs")
    };
    let right = loads(program, "loader");
    assert!(right.status.success(), "{right:?}");
    let other = program.replace("KRS_ABI_VERSION", "2");
    let refused = loads(&other, "loader-of-2");
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
}

/// A program that was compiled with the header of a later library, whose structs
/// have grown, gives this one larger structs than it knows.
#[test]
fn a_program_whose_structs_are_larger_runs() {
    let header = header();
    let mut grown = String::new();
    let (mut sized, mut count) = (false, 0);
    for line in header.lines() {
        sized |= line == "    uint32_t struct_size;";
        if line.starts_with("} krs_") && sized {
            grown += "    uint64_t of_a_later_version[4];\n";
            (sized, count) = (false, count + 1);
        }
        grown += line;
        grown.push('\n');
    }
    assert!(count >= 7, "only {count} structs have a struct_size");
    let dir = common::root().join("target/abi/grown");
    std::fs::create_dir_all(&dir).expect("target can be written");
    std::fs::write(dir.join("kafka_rs.h"), grown).expect("target can be written");

    let library = common::library_dir_with_soname();
    let rpath = common::rpath(&library);
    let library = library.join("libkafka_rs.so");
    let program = read(&common::root().join("tests/install/app.c"));
    let options = [
        &library.display().to_string(),
        &*rpath,
        "-Wno-missing-field-initializers",
    ];
    let program = build(&program, "grown-app", &dir, &options);
    common::must_succeed_within(&program, &[], LIMIT);
}

fn build(source: &str, name: &str, include: &Path, options: &[&str]) -> PathBuf {
    let dir = common::root().join("target/abi");
    std::fs::create_dir_all(&dir).expect("target can be written");
    let file = dir.join(format!("{name}.c"));
    std::fs::write(&file, source).expect("target can be written");
    let program = dir.join(name);
    let mut command = Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".to_owned()));
    command.args([
        "-std=c99",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Werror",
        "-I",
    ]);
    command.arg(include).arg(&file).args(options);
    common::must_succeed(command.arg("-o").arg(&program));
    program
}

fn header() -> String {
    read(&common::root().join("include/kafka_rs.h"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()))
}
