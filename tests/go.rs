//! The Go binding: its own tests, which are in Go, on every cluster there is.

mod common;

use std::path::PathBuf;
use std::process::Command;

/// `go`, in the binding's directory; `None` where it is not installed.
fn go(args: &[&str]) -> Option<Command> {
    if Command::new("go").arg("version").output().is_err() {
        println!("passed over, for go is not installed");
        return None;
    }
    let directory = common::root().join("bindings/go");
    let built = common::library_dir().join("..");
    common::must_succeed(Command::new(directory.join("prepare")).arg(built));
    let mut command = Command::new("go");
    command.args(args).current_dir(directory);
    // Cargo's is for programs of cargo.
    command.env_remove("LD_LIBRARY_PATH");
    Some(command)
}

/// Apache Kafka's own verifiable clients, fetched as the broker was.
fn java_tools() -> String {
    let version = std::env::var("KAFKA_VERSION").unwrap_or_else(|_| "4.3.1".to_owned());
    let cache = std::env::var_os("KAFKA_CACHE")
        .map_or_else(|| common::root().join("target/kafka"), PathBuf::from);
    let tools = cache.join(format!("tools-{version}"));
    if !tools.join(format!("kafka-tools-{version}.jar")).exists() {
        common::must_succeed(
            Command::new("mvn")
                .args(["-q", "-B", "dependency:copy"])
                .arg(format!("-Dartifact=org.apache.kafka:kafka-tools:{version}"))
                .arg(format!("-DoutputDirectory={}", tools.display())),
        );
    }
    let jars = cache.join(version);
    format!("{}/*:{}/*", jars.display(), tools.display())
}

#[test]
fn the_sources_are_as_gofmt_and_vet_want_them() {
    let Some(mut vet) = go(&["vet", "./..."]) else {
        return;
    };
    common::must_succeed(&mut vet);
    let directory = common::root().join("bindings/go");
    let unformatted = common::must_succeed(Command::new("gofmt").arg("-l").arg(directory));
    assert_eq!(String::from_utf8_lossy(&unformatted.stdout), "");
}

#[test]
fn its_tests_pass_on_the_mock_cluster() {
    if let Some(mut test) = go(&["test", "-race", "./kafka"]) {
        common::must_succeed(test.env_remove("KRS_TEST_BROKERS"));
    }
}

#[test]
fn its_tests_pass_on_a_real_kafka() {
    let Some(servers) = common::kafka() else {
        return;
    };
    if let Some(mut test) = go(&["test", "-race", "./kafka"]) {
        common::must_succeed(test.env("KRS_TEST_BROKERS", servers));
    }
}

#[test]
fn it_builds_in_every_way_and_its_programs_run() {
    let Some(mut test) = go(&["test", "./buildtest"]) else {
        return;
    };
    if common::kafka().is_some() {
        test.env("KRS_TEST_TOOLS", java_tools());
    }
    common::must_succeed(&mut test);
}

/// Two Go clients in one program, each with a librdkafka inside.
#[test]
fn it_works_beside_the_original_in_one_program() {
    let Some(mut build) = go(&["build", "-o"]) else {
        return;
    };
    let neighbours = common::root().join("tests/neighbours");
    let program = common::root().join("target/neighbours");
    build.arg(&program).arg(".").current_dir(&neighbours);
    let fetched = Command::new("go")
        .args(["mod", "download"])
        .current_dir(&neighbours)
        .status();
    if !fetched.is_ok_and(|status| status.success()) {
        println!("passed over, for confluent-kafka-go can't be fetched");
        return;
    }
    common::must_succeed(&mut build);
    let output = common::must_succeed_within(&program, &[], std::time::Duration::from_secs(120));
    println!("{}", String::from_utf8_lossy(&output.stdout).trim_end());
}
