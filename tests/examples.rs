//! The C examples do what their comments say, from start to Ctrl-C.

mod common;

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const LINES: usize = 1000;
const PATIENCE: Duration = Duration::from_secs(60);

/// A running example, ended by force if the test fails.
struct Running {
    child: Child,
    lines: Receiver<String>,
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
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines() {
                // Nobody listens once the test has ended.
                let _ = sender.send(line.expect("it prints text"));
            }
        });
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        let line = self.lines.recv_timeout(PATIENCE);
        line.expect("it goes on, and does not end before its time")
    }

    /// Passes over what comes before a line that begins like this.
    fn line_with(&mut self, beginning: &str) -> String {
        loop {
            let line = self.line();
            if line.starts_with(beginning) {
                return line;
            }
        }
    }

    fn write(&mut self, text: &str) {
        let input = self.child.stdin.as_mut().expect("it is piped");
        input.write_all(text.as_bytes()).expect("it reads");
    }

    /// Writes `line 0`, `line 1` and so on, until the example has ended or the
    /// test has what it wants; returns how many, then.
    fn feed(&mut self) -> Feed {
        let mut input = self.child.stdin.take().expect("it is piped");
        let enough = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&enough);
        let thread = std::thread::spawn(move || {
            let mut written = 0;
            while !seen.load(Ordering::SeqCst) && writeln!(input, "line {written}").is_ok() {
                written += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
            written
        });
        Feed { enough, thread }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        common::must_succeed(Command::new("kill").args([name, &pid]));
    }

    /// Waits until an interrupt no longer just kills it.
    fn expects_interrupts(&self) {
        let start = Instant::now();
        let path = format!("/proc/{}/status", self.child.id());
        loop {
            let status = std::fs::read_to_string(&path).expect("it runs");
            let masks = status.lines().filter_map(|line| {
                let mask = line
                    .strip_prefix("SigCgt:")
                    .or(line.strip_prefix("SigBlk:"))?;
                u64::from_str_radix(mask.trim(), 16).ok()
            });
            if masks.fold(0, |all, mask| all | mask) & 2 != 0 {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "it does not");
            std::thread::yield_now();
        }
    }

    fn end(mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is a child") {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// As a person does who sees that nothing happens, it interrupts again.
    fn interrupt(mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            self.signal("-INT");
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

struct Feed {
    enough: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl Feed {
    fn end(self) -> usize {
        self.enough.store(true, Ordering::SeqCst);
        self.thread.join().expect("no panic")
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

fn is_real(servers: &str) -> bool {
    common::kafka().as_deref() == Some(servers)
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

fn numbered(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|n| format!("line {n}")).collect()
}

/// `topic[partition]@offset: value`
fn parse(line: &str) -> (usize, i64, &str) {
    let parts = line.split_once(": ").and_then(|(place, value)| {
        let (place, offset) = place.split_once("]@")?;
        let (_, partition) = place.split_once('[')?;
        Some((partition.parse().ok()?, offset.parse().ok()?, value))
    });
    parts.unwrap_or_else(|| panic!("{line}: no message"))
}

fn sends_and_receives(producer: &str, consumer: &str) {
    let (producer, consumer) = (example(producer), example(consumer));
    on_each_cluster(
        &consumer.file_name().unwrap().to_string_lossy(),
        |servers, topic| {
            let lines = numbered(0..LINES);
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
fn the_function_producer_and_the_consumer_in_an_event_loop() {
    sends_and_receives("producer_send", "consumer_epoll");
}

#[test]
fn an_event_loop_takes_commands_while_it_consumes() {
    let (producer, consumer) = (example("producer_send"), example("consumer_epoll"));
    on_each_cluster("consumer_epoll-commands", |servers, topic| {
        let mut running = Running::start(&consumer, &[servers, topic, topic]);
        running.write("co");
        running.write("unt\ncount\n");
        assert_eq!(running.line(), "0 messages");
        assert_eq!(running.line(), "0 messages");
        assert!(
            send_lines(&producer, servers, topic, &numbered(0..10))
                .status
                .success()
        );
        for _ in 0..10 {
            assert_ne!(running.line(), "0 messages");
        }
        running.write("count\nquit\n");
        assert_eq!(running.line(), "10 messages");
        assert!(running.end().success());
    });
}

/// A directory of its own for each cluster's files of offsets, gone afterwards.
struct Files(std::path::PathBuf);

impl Files {
    fn new(servers: &str, topic: &str) -> Self {
        let name = format!("{topic}-{}", servers.replace([':', ',', '/'], "-"));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a temporary directory");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("it is UTF-8")
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // Only litter, if it fails.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn rebalances_from_its_files(strategy: &str) {
    let (producer, consumer) = (example("producer_send"), example("consumer_offsets"));
    on_each_cluster(&format!("offsets-{strategy}"), |servers, topic| {
        let files = Files::new(servers, topic);
        let args = [servers, topic, topic, files.path(), strategy];
        let send = |numbers| {
            let output = send_lines(&producer, servers, topic, &numbered(numbers));
            assert!(output.status.success());
        };
        let mut missing: HashSet<String> = numbered(0..3 * LINES).into_iter().collect();
        let mut next = [0; 4];
        let mut take = |line: &str| {
            let (partition, offset, value) = parse(line);
            assert!(missing.remove(value), "{line} came twice");
            assert_eq!(offset, next[partition], "{line}");
            next[partition] = offset + 1;
            missing.len()
        };
        let is_message =
            |line: &String| !line.starts_with("assigned") && !line.starts_with("revoked");

        // One member reads all.
        send(0..LINES);
        let mut first = Running::start(&consumer, &args);
        let mut left = 3 * LINES;
        while left > 2 * LINES {
            let line = first.line();
            if is_message(&line) {
                left = take(&line);
            }
        }
        // Another one joins, goes on where the first one was, and is alone at last. The mock
        // cluster takes 45 s for a change of the group; there it is one of another group.
        let mut second;
        if is_real(servers) {
            second = Running::start(&consumer, &args);
            let taken = second.line();
            assert!(taken.starts_with("assigned ["), "{taken}");
            send(LINES..2 * LINES);
            while left > LINES {
                for member in [&mut first, &mut second] {
                    if let Ok(line) = member.lines.recv_timeout(Duration::from_millis(1))
                        && is_message(&line)
                    {
                        left = take(&line);
                    }
                }
            }
            assert!(first.interrupt().success());
        } else {
            assert!(first.interrupt().success());
            second = Running::start(
                &consumer,
                &[servers, "second", topic, files.path(), strategy],
            );
            send(LINES..2 * LINES);
        }
        send(2 * LINES..3 * LINES);
        while left > 0 {
            let line = second.line();
            if is_message(&line) {
                left = take(&line);
            }
        }
        assert!(second.interrupt().success());

        // The files say where, whatever the group.
        let partition = (0..4).find(|n| next[*n] > 10).expect("3000 lines in 4");
        let file = files.0.join(format!("{topic}.{partition}"));
        let written = std::fs::read_to_string(&file).expect("it was written");
        assert_eq!(written, format!("{}\n", next[partition]));
        for group in ["another", "one more"] {
            std::fs::write(&file, "7\n").expect("it can be written");
            let mut member =
                Running::start(&consumer, &[servers, group, topic, files.path(), strategy]);
            member.line_with(&format!("assigned [{partition}]@7"));
            let line = member.line_with(topic);
            assert!(
                line.starts_with(&format!("{topic}[{partition}]@7: ")),
                "{line}"
            );
            assert!(member.interrupt().success());
        }
    });
}

#[test]
fn offsets_of_ones_own_in_an_eager_group() {
    rebalances_from_its_files("range");
}

#[test]
fn offsets_of_ones_own_in_a_cooperative_group() {
    rebalances_from_its_files("cooperative-sticky");
}

#[test]
fn a_select_forwards_and_takes_commands() {
    let (producer, select) = (example("producer_send"), example("select"));
    let reader = example("consumer_poll");
    on_each_cluster("select", |servers, from| {
        let to = format!("{from}-to");
        let send = |numbers| {
            let output = send_lines(&producer, servers, from, &numbered(numbers));
            assert!(output.status.success());
        };
        send(0..LINES);
        let mut running = Running::start(&select, &[servers, from, from, &to]);
        running.line_with(&format!("{LINES} delivered"));
        running.write("pause\n");
        running.line_with("paused 4 partitions");
        send(LINES..LINES + 10);
        for _ in 0..3 {
            assert_eq!(running.line(), format!("{LINES} delivered"));
        }
        running.write("resume\n");
        running.line_with("resumed 4 partitions");
        running.line_with(&format!("{} delivered", LINES + 10));
        running.write("quit\n");
        assert!(running.end().success());

        // It goes on after that. The mock cluster would take 45 s to let it.
        let mut sent = LINES + 10;
        if is_real(servers) {
            send(sent..sent + 10);
            sent += 10;
            let mut running = Running::start(&select, &[servers, from, from, &to]);
            running.line_with("10 delivered");
            assert!(running.interrupt().success());
        }
        let sent = numbered(0..sent).into_iter().collect();
        expect_each_once(&mut Running::start(&reader, &[servers, &to, &to]), sent);
    });
}

/// Reads until all of these have come, none twice; the partitions may be any.
fn expect_each_once(reader: &mut Running, mut missing: HashSet<String>) {
    while !missing.is_empty() {
        let line = reader.line();
        let (_, _, value) = parse(&line);
        assert!(
            missing.remove(value),
            "{line} came twice, or was never sent"
        );
    }
}

/// A topic that `transactions` reads and one that it writes, on a real Kafka:
/// the mock cluster does not keep the promises.
struct Upper {
    servers: String,
    program: std::path::PathBuf,
    from: String,
    to: String,
}

impl Upper {
    fn new(name: &str) -> Option<Self> {
        let Some(servers) = common::kafka() else {
            println!("{name}: passed over, for it needs a real Kafka");
            return None;
        };
        let from = format!("krs-{name}-{}", std::process::id());
        let to = format!("{from}-to");
        // Makes both, so that nobody has to find out that they are there.
        for topic in [&from, &to] {
            let line = ["made".to_owned()];
            let output = send_lines(&example("producer_send"), &servers, topic, &line);
            assert!(output.status.success());
        }
        let program = example("transactions");
        Some(Self {
            servers,
            program,
            from,
            to,
        })
    }

    fn start(&self, id: &str, group: &str) -> Running {
        let (id, group) = (
            format!("{}-{id}", self.from),
            format!("{}-{group}", self.from),
        );
        Running::start(
            &self.program,
            &[&self.servers, &id, &group, &self.from, &self.to],
        )
    }

    fn producer(&self) -> Running {
        Running::start(&example("producer_send"), &[&self.servers, &self.from])
    }

    /// Each of `count` lines is there once, and nothing came after it in any
    /// partition: `running` transforms some more, until all have ended so.
    fn expect_exact(&self, count: usize) {
        let mut reader = Running::start(
            &example("consumer_poll"),
            &[&self.servers, &self.to, &self.to],
        );
        let mut lines: HashSet<String> = (0..count).map(|n| format!("LINE {n}")).collect();
        // What made the topics.
        lines.extend(["made".to_owned(), "MADE".to_owned()]);
        expect_each_once(&mut reader, lines);
        let mut producer = self.producer();
        let mut ended = HashSet::new();
        while ended.len() < 4 {
            producer.write("end\n");
            let line = reader.line();
            let (partition, _, value) = parse(&line);
            assert_eq!(value, "END", "{line} came again");
            ended.insert(partition);
        }
        assert!(producer.interrupt().success());
        assert!(reader.interrupt().success());
    }
}

#[test]
fn transactions_are_exact_when_interrupted_and_killed() {
    let Some(upper) = Upper::new("txn") else {
        return;
    };
    let count = 3 * LINES;
    let producer = example("producer_send");
    let output = send_lines(&producer, &upper.servers, &upper.from, &numbered(0..count));
    assert!(output.status.success());
    let mut first = upper.start("id", "group");
    first.line_with("committed ");
    assert!(first.interrupt().success());
    let mut second = upper.start("id", "group");
    second.line_with("committed ");
    second.signal("-KILL");
    assert!(!second.end().success());
    let third = upper.start("id", "group");
    upper.expect_exact(count);
    assert!(third.interrupt().success());
}

#[test]
fn a_member_that_is_out_of_its_group_takes_its_transaction_back() {
    let Some(upper) = Upper::new("txn-out") else {
        return;
    };
    let mut producer = upper.producer();
    let feed = producer.feed();
    let mut first = upper.start("first", "group");
    first.line_with("committed ");
    // In the middle of the next transaction.
    while producer.lines.try_recv().is_ok() {}
    for _ in 0..20 {
        producer.line();
    }
    first.signal("-STOP");
    let mut second = upper.start("second", "group");
    second.line_with("committed ");
    first.signal("-CONT");
    first.line_with("aborted ");
    // It joins again, in the middle of the second one's transaction.
    first.line_with("committed ");
    second.line_with("committed ");
    let count = feed.end();
    upper.expect_exact(count);
    assert!(first.interrupt().success());
    assert!(second.interrupt().success());
}

#[test]
fn a_transactional_id_that_another_one_took_is_the_end() {
    let Some(upper) = Upper::new("txn-fenced") else {
        return;
    };
    let mut first = upper.start("id", "group");
    first.line_with("committed ");
    let mut second = upper.start("id", "another");
    second.line_with("committed ");
    let more = ["more".to_owned()];
    let producer = example("producer_send");
    let output = send_lines(&producer, &upper.servers, &upper.from, &more);
    assert!(output.status.success());
    assert_eq!(first.end().code(), Some(1));
    assert!(second.interrupt().success());
}

#[test]
fn an_example_that_finds_no_broker_ends_when_interrupted() {
    let nobody = "127.0.0.1:1";
    for (name, args) in [
        ("consumer_channel", &[nobody, "group", "topic"][..]),
        ("consumer_epoll", &[nobody, "group", "topic"]),
        ("consumer_offsets", &[nobody, "group", "topic", "/tmp"]),
        ("consumer_poll", &[nobody, "group", "topic"]),
        ("select", &[nobody, "group", "from", "to"]),
        ("transactions", &[nobody, "id", "group", "from", "to"]),
    ] {
        let running = Running::start(&example(name), args);
        running.expects_interrupts();
        assert!(running.interrupt().success(), "{name}");
    }
}

#[test]
fn an_interrupted_producer_sends_what_it_has_read() {
    for name in ["producer_channel", "producer_send"] {
        let producer = example(name);
        on_each_cluster(name, |servers, topic| {
            let mut running = Running::start(&producer, &[servers, topic]);
            running.feed();
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
        "consumer_epoll",
        "consumer_offsets",
        "consumer_poll",
        "producer_channel",
        "producer_send",
        "select",
        "transactions",
    ] {
        let output = Command::new(example(name)).output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2));
        assert!(text.starts_with(&format!("usage: {name} <")), "{text}");
    }
}
