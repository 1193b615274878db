//! Every function of the header, found there by this test, answers hostile
//! arguments with an error code: nothing crashes, nothing succeeds.

mod common;

use std::fmt::Write;

/// One parameter of a prototype.
struct Parameter {
    ctype: String,
}

struct Function {
    name: String,
    returns_code: bool,
    parameters: Vec<Parameter>,
}

/// `krs_code krs_x(krs_client client, int32_t n, krs_error *err);`, over one line or more.
fn functions(header: &str) -> Vec<Function> {
    let code: String = header
        .lines()
        .filter(|line| !line.trim_start().starts_with("//") && !line.starts_with('#'))
        .collect::<Vec<_>>()
        .join(" ");
    code.split(';')
        .filter_map(|statement| {
            let (before, list) = statement.split_once('(')?;
            let (list, _) = list.rsplit_once(')')?;
            let (returns, name) = before.trim().rsplit_once([' ', '*'])?;
            if !name.starts_with("krs_") || before.contains('{') || before.contains("typedef") {
                return None;
            }
            let parameters = list
                .split(',')
                .map(|parameter| parameter.split_whitespace().collect::<Vec<_>>().join(" "))
                .filter(|parameter| parameter != "void" && !parameter.is_empty());
            Some(Function {
                name: name.to_owned(),
                returns_code: returns.ends_with("krs_code"),
                parameters: parameters.map(|text| parameter(&text)).collect(),
            })
        })
        .collect()
}

fn parameter(text: &str) -> Parameter {
    let end = text.rfind(['*', ' ']).expect("a parameter has a type") + 1;
    Parameter {
        ctype: text[..end].trim().to_owned(),
    }
}

impl Parameter {
    fn is_handle(&self) -> bool {
        ["krs_client", "krs_chan", "krs_topic", "krs_mock"].contains(&self.ctype.as_str())
    }

    /// What is passed for it, with handle number `handle` and number `number`.
    fn argument(&self, handle: &str, number: &str) -> String {
        match self.ctype.as_str() {
            kind if self.is_handle() => format!("({kind}){{{handle}}}"),
            "krs_bytes" => "(krs_bytes){NULL, 7}".to_owned(),
            pointer if pointer.ends_with('*') => "NULL".to_owned(),
            _ => number.to_owned(),
        }
    }
}

#[test]
fn every_function_answers_hostile_arguments_with_an_error() {
    let header = std::fs::read_to_string(common::root().join("include/kafka_rs.h")).unwrap();
    let functions = functions(&header);
    let declared = header.matches("\nkrs_code krs_").count();
    let found = functions.iter().filter(|f| f.returns_code).count();
    assert_eq!(found, declared, "each function of the header is found");
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
                let arguments = function
                    .parameters
                    .iter()
                    .map(|parameter| parameter.argument(handle, number))
                    .collect::<Vec<_>>()
                    .join(", ");
                let call = format!("{}({arguments})", function.name);
                if !function.returns_code {
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
    let path = common::root().join("target/c/hostile.c");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, source).unwrap();
    let program = common::compile("target/c/hostile.c");
    common::must_succeed_within(&program, &[], std::time::Duration::from_secs(120));
    println!(
        "{count} calls of {} functions, none of which crashed or succeeded",
        functions.len()
    );
}
