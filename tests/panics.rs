//! A defect of ours must not end the process of a caller: a panic in any function
//! of the header becomes an error. In a build of its own, with panics on demand.

mod common;

use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use common::header::{Function, functions};

const LIMIT: Duration = Duration::from_secs(120);

/// The static library with the feature. What it depends on is taken from the
/// ordinary build; what comes of it goes elsewhere, so that nobody ever ships it.
fn library() -> PathBuf {
    let target = common::root().join("target/panics");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command
        .current_dir(common::root())
        .args(["rustc", "--release", "--quiet", "--lib"])
        .args(["--crate-type", "staticlib"])
        .args(["--features", "panic-injection"])
        .env("CARGO_BUILD_BUILD_DIR", common::library_dir().join("../.."))
        .env("CARGO_TARGET_DIR", &target);
    common::must_succeed(&mut command);
    target.join("release/libkafka_rs.a")
}

/// The call, and the check of what comes of it.
fn check(function: &Function) -> String {
    let call = function.call("1", "0");
    let name = &function.name;
    match function.returns.as_str() {
        "krs_code" => {
            // The last argument is the place for the error.
            let call = call.replace("NULL)", "&err)");
            format!("refused({call}, \"{name}\");")
        }
        "void" => format!("{call}; struck(\"{name}\");"),
        // Never NULL, for callers print it.
        "const char *" => format!("harmless({call} != NULL, \"{name}\");"),
        "uint32_t" => format!("harmless({call} == 0, \"{name}\");"),
        other => panic!("{name} returns {other}, of which this test knows no harmless value"),
    }
}

#[test]
fn a_panic_in_any_function_becomes_an_error_and_the_process_lives_on() {
    let functions = functions();
    let mut checks = String::new();
    for function in &functions {
        writeln!(checks, "    {}", check(function)).expect("memory");
    }
    let source = format!(
        r#"#include <kafka_rs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t krs_inject_panics(bool armed);

static krs_error err = KRS_ERROR_INIT;
static uint64_t so_far;

static void fail(const char *name, const char *what) {{
    fprintf(stderr, "%s: %s\n", name, what);
    exit(1);
}}

static void struck(const char *name) {{
    if (krs_inject_panics(true) != so_far + 1) {{
        fail(name, "not guarded");
    }}
    so_far++;
}}

static void refused(krs_code code, const char *name) {{
    struck(name);
    if (code != KRS_ERR_INTERNAL || err.code != code || strstr(err.message, "injected") == NULL) {{
        fail(name, "the panic is not in the error");
    }}
}}

static void harmless(bool is, const char *name) {{
    struck(name);
    if (!is) {{
        fail(name, "not a harmless result");
    }}
}}

static void go_on(void) {{
    krs_conf *conf = NULL;
    krs_client client;
    if (krs_conf_new(KRS_PRODUCER, &conf, &err) || krs_client_open(conf, &client, &err) ||
        krs_client_close(client, 1000, NULL, &err)) {{
        fail("afterwards", err.message);
    }}
    krs_conf_free(conf);
}}

int main(void) {{
    krs_inject_panics(true);
{checks}    krs_inject_panics(false);
    go_on();
    return 0;
}}
"#
    );
    let path = common::root().join("target/panics/panics.c");
    std::fs::create_dir_all(path.parent().expect("it is in a directory")).expect("writable");
    std::fs::write(&path, source).expect("target can be written");
    let program = path.with_extension("");
    let mut command = common::compiler("CC", "cc", "c99");
    command
        .args([&path, &library()])
        .args(common::beside_the_archive())
        .args(["-pthread", "-o"])
        .arg(&program);
    common::must_succeed(&mut command);
    let output = common::must_succeed_within(&program, &[], LIMIT);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    println!("{} functions panicked, and nothing else", functions.len());
}
