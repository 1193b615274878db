//! The program in the README compiles as it stands there, and receives.
#![allow(unsafe_code, reason = "it calls the C surface for a cluster")]

mod common;

use std::ffi::CString;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kafka_rs::ffi::types::*;
use kafka_rs::ffi::{client, conf, producer};

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It has no end of its own while rows come.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_program_in_the_readme_compiles_and_receives() {
    let program = common::compile(&write_program());
    let servers = common::cluster::start_mock(&[("readme", 4)]);
    let child = Command::new(program)
        .args([servers.as_str(), "readme"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut child = Killed(child);
    let stdout = child.0.stdout.take().expect("it is piped");
    let received = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // The program starts at the end of the topic, so one message is not enough.
        scope.spawn(|| send_until(&servers, &received));
        let line = BufReader::new(stdout).lines().next();
        received.store(true, Ordering::SeqCst);
        let line = line.expect("it prints").expect("it prints text");
        assert!(line.ends_with(": hello"), "{line}");
    });
}

fn write_program() -> String {
    let readme = std::fs::read_to_string(common::root().join("README.md"));
    let readme = readme.expect("the README can be read");
    let program = readme
        .split("```c\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("the README has a C program");
    assert!(program.lines().count() <= 30, "it is meant to be short");
    let dir = common::root().join("target/header");
    std::fs::create_dir_all(&dir).expect("target can be written");
    std::fs::write(dir.join("readme.c"), program).expect("target can be written");
    "target/header/readme.c".to_owned()
}

fn send_until(servers: &str, received: &AtomicBool) {
    let servers = CString::new(servers).expect("no NUL");
    let (mut settings, mut opened, mut topic) =
        (null_mut(), krs_client::default(), krs_topic::default());
    // SAFETY: places and strings are alive during the calls, and the bytes static.
    unsafe {
        conf::krs_conf_new(KRS_PRODUCER, &mut settings, null_mut());
        conf::krs_conf_set(
            settings,
            c"bootstrap.servers".as_ptr(),
            servers.as_ptr(),
            null_mut(),
        );
        assert_eq!(
            client::krs_client_open(settings, &mut opened, null_mut()),
            KRS_OK
        );
        conf::krs_conf_free(settings);
        client::krs_client_topic(opened, c"readme".as_ptr(), &mut topic, null_mut());
        let none = krs_bytes {
            data: null(),
            len: 0,
        };
        let message = krs_message {
            struct_size: size_of::<krs_message>() as u32,
            flags: KRS_MESSAGE_NO_REPORT,
            topic,
            partition: KRS_PARTITION_ANY,
            reserved: 0,
            key: none,
            value: krs_bytes {
                data: b"hello".as_ptr(),
                len: 5,
            },
            headers: none,
            timestamp: 0,
            opaque: 0,
            report: krs_chan::default(),
        };
        for _ in 0..600 {
            if received.load(Ordering::SeqCst) {
                break;
            }
            assert_eq!(
                producer::krs_producer_send(opened, &message, -1, null_mut()),
                KRS_OK
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        client::krs_client_close(opened, 1000, null_mut(), null_mut());
    }
}
