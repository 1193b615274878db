//! Every function of the header, found there by this test, answers hostile
//! arguments with an error code: nothing crashes, nothing succeeds.

mod common;

use std::fmt::Write;

use common::header::{Parameter, functions};

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
