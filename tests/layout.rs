//! The layout of every struct in the header, in C as in Rust, is the one that
//! programs were compiled with: `tests/layout.txt`. A struct may grow at its
//! end; nothing that is there may move.

mod common;

use std::fmt::Write;
use std::mem::offset_of;
use std::process::Command;

use kafka_rs::ffi::types::*;

/// Lines `struct.field offset` and `struct size`, and C that prints the same.
#[derive(Default)]
struct Layout {
    rust: String,
    c: String,
}

macro_rules! layout {
    ($layout:ident, $($name:ident { $($field:ident)* })*) => {$(
        $(
            writeln!($layout.rust, concat!(stringify!($name), ".", stringify!($field), " {}"),
                offset_of!($name, $field)).expect("a string can grow");
            writeln!($layout.c,
                concat!("    printf(\"{0}.{1} %zu\\n\", offsetof({0}, {1}));"),
                stringify!($name), stringify!($field)).expect("a string can grow");
        )*
        writeln!($layout.rust, concat!(stringify!($name), " {}"), size_of::<$name>())
            .expect("a string can grow");
        writeln!($layout.c, "    printf(\"{0} %zu\\n\", sizeof({0}));", stringify!($name))
            .expect("a string can grow");
    )*};
}

#[test]
fn no_struct_has_changed_its_layout() {
    let mut layout = Layout::default();
    layout!(layout,
        krs_client { id }
        krs_topic { id }
        krs_chan { id }
        krs_mock { id }
        krs_bytes { data len }
        krs_error { struct_size code flags message_len message }
        krs_message {
            struct_size flags topic partition reserved key value headers timestamp opaque report
        }
        krs_column { offsets data validity }
        krs_records {
            struct_size flags count topics topic_count topic partition timestamp opaque key value
            header_start header_key header_value report
        }
        krs_partitions {
            struct_size reserved count topics topic_count topic partition offset leader_epoch
            metadata
        }
        krs_new_topic { struct_size partitions replication reserved name config config_count replicas replica_count }
        krs_stats {
            struct_size reserved rows_held rows_withheld rows_stale bytes_held pending
            reports_redirected taken_at messages_queued bytes_queued requests bytes_sent responses
            bytes_received messages_sent messages_received
        }
        krs_batch_view {
            struct_size count kind flags code topic partition offset timestamp timestamp_type
            leader_epoch opaque key value header_start header_key header_value topics topic_count
            reserved attention
        }
        krs_row {
            struct_size kind flags timestamp_type reserved code partition offset timestamp
            leader_epoch header_count opaque topic key value index reserved2
        }
        krs_case { struct_size op chan message batch view delivered max }
        krs_close_result { struct_size clean purged unknown unfinished uncommitted }
    );
    assert_eq!(layout.rust, print_from_c(&layout.c), "Rust and C disagree");
    let pinned = common::root().join("tests/layout.txt");
    if std::env::var_os("KRS_WRITE_LAYOUT").is_some() {
        std::fs::write(&pinned, &layout.rust).expect("tests can be written");
    }
    let pinned = std::fs::read_to_string(&pinned).expect("tests/layout.txt can be read");
    assert_eq!(layout.rust, pinned, "see tests/layout.rs");
    let fields = layout.rust.matches('.').count();
    println!("{fields} fields are where they were");
}

#[test]
fn every_struct_of_the_header_is_in_the_layout_test() {
    let header = std::fs::read_to_string(common::root().join("include/kafka_rs.h"));
    let header = header.expect("the header can be read");
    let pinned = include_str!("layout.txt");
    let bodies = header
        .lines()
        .filter_map(|line| line.strip_prefix("typedef struct ")?.strip_suffix(" {"));
    for name in bodies {
        assert!(
            pinned.contains(&format!("\n{name} ")),
            "{name} is not in tests/layout.txt"
        );
    }
}

fn print_from_c(body: &str) -> String {
    let dir = common::root().join("target/header");
    std::fs::create_dir_all(&dir).expect("target can be written");
    let (source, program) = (dir.join("layout.c"), dir.join("layout"));
    let text = format!(
        "#include <kafka_rs.h>\n#include <stdio.h>\nint main(void) {{\n{body}    return 0;\n}}\n"
    );
    std::fs::write(&source, text).expect("target can be written");
    let mut compile = common::compiler("CC", "cc", "c99");
    common::must_succeed(compile.arg(&source).arg("-o").arg(&program));
    let output = common::must_succeed(&mut Command::new(&program));
    String::from_utf8(output.stdout).expect("ASCII")
}
