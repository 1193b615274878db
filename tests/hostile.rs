//! Every function of the header, found there by this test, answers hostile
//! arguments with an error code: nothing crashes, and no nonsense succeeds.

mod common;

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use common::header::{Function, Parameter, functions};

const LIMIT: Duration = Duration::from_secs(300);

#[test]
fn every_function_answers_hostile_arguments_with_an_error() {
    let functions = functions();
    let mut calls = String::new();
    let mut count = 0;
    for function in &functions {
        for handle in [
            "0",
            "1",
            "UINT64_MAX",
            "closed_client.id",
            "closed_chan.id",
            "closed_mock.id",
        ] {
            for number in ["0", "-1", "1", "INT32_MAX", "INT32_MIN"] {
                let call = function.call(handle, number);
                if !function.returns_code() {
                    writeln!(calls, "    (void){call};").unwrap();
                    continue;
                }
                count += 1;
                let may_succeed = !function.parameters.iter().any(Parameter::is_handle);
                writeln!(
                    calls,
                    "    refused({call}, {}, \"{call}\");",
                    u8::from(may_succeed)
                )
                .unwrap();
            }
        }
    }
    let source = format!(
        r#"#include <kafka_rs.h>
#include <stdio.h>
#include <stdlib.h>

static krs_client closed_client;
static krs_chan closed_chan;
static krs_mock closed_mock;

static void refused(krs_code code, int may_succeed, const char *call) {{
    if (code == KRS_OK && !may_succeed) {{
        fprintf(stderr, "%s succeeded\n", call);
        exit(1);
    }}
    if (code == KRS_ERR_INTERNAL) {{
        fprintf(stderr, "%s met a defect\n", call);
        exit(1);
    }}
}}

int main(void) {{
    krs_conf *conf = NULL;
    if (krs_conf_new(KRS_PRODUCER, &conf, NULL) || krs_client_open(conf, &closed_client, NULL) ||
        krs_client_close(closed_client, 1000, NULL, NULL) || krs_chan_new(1, &closed_chan, NULL) ||
        krs_chan_free(closed_chan, NULL) || krs_mock_open(1, &closed_mock, NULL) ||
        krs_mock_close(closed_mock, NULL)) {{
        return 2;
    }}
    krs_conf_free(conf);
{calls}    return 0;
}}
"#
    );
    run("hostile", &source);
    println!(
        "{count} calls of {} functions, none of which crashed or succeeded",
        functions.len()
    );
}

fn run(name: &str, source: &str) {
    let path = PathBuf::from("target/c").join(name).with_extension("c");
    std::fs::create_dir_all(common::root().join("target/c")).expect("target can be written");
    std::fs::write(common::root().join(&path), source).expect("target can be written");
    let program = common::compile(&path.to_string_lossy());
    common::must_succeed_within(&program, &[], LIMIT);
}

/// Live objects, for functions of their kind and of every other.
const LIVE: &[&str] = &[
    "producer.id",
    "consumer.id",
    "topic.id",
    "chan.id",
    "events.id",
    "cluster.id",
];

/// Memory that is there, but not what the function hopes for.
fn bad_argument(parameter: &Parameter, handle: &str, number: &str) -> String {
    match parameter.ctype.as_str() {
        "const char *" => "bad_text[0]".to_owned(),
        "const char *const *" => "bad_text".to_owned(),
        "krs_bytes" => "bad_bytes".to_owned(),
        "krs_conf *" | "const krs_conf *" => "conf".to_owned(),
        "krs_batch *" | "const krs_batch *" => "made_batch".to_owned(),
        "krs_conf **" => "&made_conf".to_owned(),
        "krs_client *" => "&made_client".to_owned(),
        "krs_chan *" => "&made_chan".to_owned(),
        "krs_topic *" => "&made_topic".to_owned(),
        "krs_mock *" => "&made_mock".to_owned(),
        "krs_batch **" => "&made_batch".to_owned(),
        pointer if pointer.ends_with('*') => format!("({pointer})&stub"),
        _ => parameter.argument(handle, number),
    }
}

/// Every call with every live handle; those that free take what they free only once.
fn calls_with_bad_memory(function: &Function) -> (usize, String) {
    let mut calls = String::new();
    let frees = function.name.ends_with("_free") && !function.returns_code();
    let handles = if frees { &LIVE[..0] } else { LIVE };
    for handle in handles {
        for number in ["0", "1"] {
            let arguments: Vec<String> = function
                .parameters
                .iter()
                .map(|parameter| bad_argument(parameter, handle, number))
                .collect();
            let call = format!("{}({})", function.name, arguments.join(", "));
            let line = if function.returns_code() {
                format!("no_defect({call}, \"{}\");", function.name)
            } else {
                format!("(void){call};")
            };
            writeln!(calls, "    drop_made();\n    {line}").expect("memory");
        }
    }
    (handles.len() * 2, calls)
}

#[test]
fn no_function_is_harmed_by_live_handles_of_any_kind_and_bad_memory() {
    let functions = functions();
    let (mut count, mut calls) = (0, String::new());
    for function in &functions {
        let (more, text) = calls_with_bad_memory(function);
        count += more;
        writeln!(calls, "    open_all();\n{text}    close_all();").expect("memory");
    }
    let source = format!(
        "#include \"../../tests/c/hostile.h\"\n\nint main(void) {{\n{calls}    return 0;\n}}\n"
    );
    run("hostile_memory", &source);
    println!(
        "{count} calls of {} functions, none of which was harmed",
        functions.len()
    );
}
