//! The C examples do what their comments say, from start to Ctrl-C.

mod common;

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

const LINES: usize = 1000;
const PATIENCE: Duration = Duration::from_secs(60);

/// A running example, ended by force if the test fails.
struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    fn start(program: &Path, args: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example runs");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, output }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.output.read_line(&mut line).expect("it prints text");
        assert!(read > 0, "it ended before its time");
        line.trim_end().to_owned()
    }

    /// Writes the line again and again until the example has ended, no faster
    /// than its output fits into the pipe that nobody reads to the end.
    fn feed(&mut self, line: &'static str) {
        let mut input = self.child.stdin.take().expect("it is piped");
        std::thread::spawn(move || {
            while input.write_all(line.as_bytes()).is_ok() {
                std::thread::sleep(Duration::from_millis(10));
            }
        });
    }

    /// As a person does who sees that nothing happens, it interrupts again.
    fn interrupt(mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            let pid = self.child.id().to_string();
            common::must_succeed(Command::new("kill").args(["-INT", &pid]));
            let again = Instant::now() + Duration::from_secs(2);
            while Instant::now() < again {
                if let Some(status) = self.child.try_wait().expect("it is a child") {
                    return status;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            assert!(start.elapsed() < PATIENCE, "it does not end");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn example(name: &str) -> std::path::PathBuf {
    common::compile(&format!("bindings/c/examples/{name}.c"))
}

/// Runs `test` with the servers of every cluster there is, and a topic of its own.
fn on_each_cluster(name: &str, test: impl Fn(&str, &str)) {
    let topic = format!("krs-{name}-{}", std::process::id());
    let mock = common::cluster::start_mock(&[(&topic, 4)]);
    for servers in std::iter::once(mock).chain(common::kafka()) {
        test(&servers, &topic);
    }
}

fn send_lines(producer: &Path, servers: &str, topic: &str, lines: &[String]) -> Output {
    let mut child = Command::new(producer)
        .args([servers, topic])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the example runs");
    let mut input = child.stdin.take().expect("it is piped");
    let text = lines.join("\n") + "\n";
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("it reads all");
    output
}

fn sends_and_receives(producer: &str, consumer: &str) {
    let (producer, consumer) = (example(producer), example(consumer));
    on_each_cluster(
        &consumer.file_name().unwrap().to_string_lossy(),
        |servers, topic| {
            let lines: Vec<String> = (0..LINES).map(|n| format!("line {n}")).collect();
            let output = send_lines(&producer, servers, topic, &lines);
            assert!(output.status.success());
            let reports = String::from_utf8(output.stdout).expect("it prints text");
            let reported: HashSet<&str> = reports
                .lines()
                .filter_map(|line| line.split(" to [").next())
                .collect();
            assert_eq!((reports.lines().count(), reported.len()), (LINES, LINES));

            // All of it arrives, each once.
            let args = [servers, topic, topic];
            let mut running = Running::start(&consumer, &args);
            let mut missing: HashSet<String> = lines.into_iter().collect();
            for _ in 0..LINES {
                let line = running.line();
                let value = line.split(": ").nth(1).unwrap_or_default();
                assert!(
                    missing.remove(value),
                    "{line} came twice, or was never sent"
                );
            }
            assert!(running.interrupt().success());

            // What was printed is committed: the same group goes on after it.
            let more = ["after".to_owned()];
            assert!(
                send_lines(&producer, servers, topic, &more)
                    .status
                    .success()
            );
            let mut running = Running::start(&consumer, &args);
            let line = running.line();
            assert!(line.ends_with(": after"), "{line}");
            assert!(running.interrupt().success());
        },
    );
}

#[test]
fn the_channel_producer_and_the_channel_consumer() {
    sends_and_receives("producer_channel", "consumer_channel");
}

#[test]
fn the_function_producer_and_the_function_consumer() {
    sends_and_receives("producer_send", "consumer_poll");
}

#[test]
fn an_interrupted_producer_sends_what_it_has_read() {
    for name in ["producer_channel", "producer_send"] {
        let producer = example(name);
        on_each_cluster(name, |servers, topic| {
            let mut running = Running::start(&producer, &[servers, topic]);
            running.feed("line\n");
            // The first report tells that it is reading.
            let first = running.line();
            assert!(first.starts_with("delivered line "), "{first}");
            assert!(running.interrupt().success());
        });
    }
}

#[test]
fn an_example_says_how_it_is_called_and_what_is_wrong() {
    for name in [
        "consumer_channel",
        "consumer_poll",
        "producer_channel",
        "producer_send",
    ] {
        let output = Command::new(example(name)).output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2));
        assert!(text.starts_with(&format!("usage: {name} <")), "{text}");
    }
}
