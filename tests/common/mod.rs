//! What the integration tests share: compiling C programs against the library
//! and the header, and running them within a time limit.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod cluster;
pub mod header;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where cargo put `libkafka_rs.so`: beside this test, so it is never an old one.
pub fn library_dir() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    test.parent()
        .expect("a program is in a directory")
        .to_owned()
}

/// The servers of a real Kafka, if `make test` started one.
pub fn kafka() -> Option<String> {
    std::env::var("KRS_TEST_BROKERS")
        .ok()
        .filter(|servers| !servers.is_empty())
}

/// Compiles a C program with all warnings as errors, and returns its path.
pub fn compile(source: &str) -> PathBuf {
    let source = root().join(source);
    let stem = source.file_stem().expect("a source has a name");
    let program = root().join("target/c").join(stem);
    std::fs::create_dir_all(root().join("target/c")).expect("target can be written");
    // Made beside and moved, for other tests may be running the program.
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let fresh = program.with_extension(format!("{}-{count}", std::process::id()));
    let mut command = compiler("CC", "cc", "c99");
    command.arg(&source).arg("-o").arg(&fresh).arg("-pthread");
    link(&mut command);
    must_succeed(&mut command);
    std::fs::rename(&fresh, &program).expect("target can be written");
    program
}

/// The user's compiler, strict, finding the header.
pub fn compiler(variable: &str, default: &str, standard: &str) -> Command {
    let compiler = std::env::var(variable).unwrap_or_else(|_| default.to_owned());
    let mut command = Command::new(compiler);
    command
        .args(words("KRS_TEST_CFLAGS"))
        .arg(format!("-std={standard}"))
        .args([
            "-O1",
            "-g",
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Werror",
            "-I",
        ])
        .arg(root().join("include"));
    command
}

/// What `tests/sanitize` adds: options of the compiler, or a program to run under.
fn words(variable: &str) -> Vec<String> {
    let words = std::env::var(variable).unwrap_or_default();
    words.split_whitespace().map(str::to_owned).collect()
}

/// [`library_dir`], with the library under its SONAME too, by which it is found
/// at run time.
pub fn library_dir_with_soname() -> PathBuf {
    let dir = library_dir();
    let soname = dir.join("libkafka_rs.so.1");
    if !soname.exists() {
        // Two tests may try at once; either link is right.
        let _ = std::os::unix::fs::symlink("libkafka_rs.so", &soname);
    }
    dir
}

/// Links with the shared library; with the static one as cargo makes it where every
/// allocation must be seen, for the shared one has its own allocator.
fn link(command: &mut Command) {
    if std::env::var_os("KRS_TEST_STATIC").is_some() {
        command.arg(library_dir().join("libkafka_rs.a"));
        command.args(beside_the_archive());
        return;
    }
    let dir = library_dir_with_soname();
    command
        .arg("-L")
        .arg(&dir)
        .arg("-lkafka_rs")
        .arg(rpath(&dir));
}

/// What cargo's static library needs beyond a C compiler's own libraries.
pub fn beside_the_archive() -> Vec<&'static str> {
    let mut libraries = vec!["-ldl", "-lm"];
    if std::env::var_os("OPENSSL_NO_VENDOR").is_some() {
        libraries.extend(["-lssl", "-lcrypto"]);
    }
    libraries
}

/// Has a program look in `dir` first: cargo sets `LD_LIBRARY_PATH`, to where an
/// older library may be, and a program's new-style path comes only after that.
pub fn rpath(dir: &Path) -> String {
    format!("-Wl,--disable-new-dtags,-rpath,{}", dir.display())
}

pub fn must_succeed(command: &mut Command) -> Output {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|cause| panic!("{command:?}: {cause}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Like [`must_succeed`], but ended by force when `limit` has passed.
pub fn must_succeed_within(program: &Path, args: &[&str], limit: Duration) -> Output {
    let mut command = Command::new("timeout");
    command
        .args(["--kill-after=5", &limit.as_secs().to_string()])
        .args(words("KRS_TEST_RUNNER"))
        .arg(program)
        .args(args);
    must_succeed(&mut command)
}
