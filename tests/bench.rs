//! The programs of the benchmark still work; how fast they are is not looked at.

mod common;

use std::process::Command;

#[test]
fn every_way_of_every_program_works() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("passed over, for python3 is not installed");
        return;
    }
    let driver = common::root().join("bench/driver");
    // Cargo's library path is for programs of cargo. Peers that can't be fetched are passed over.
    let done = common::must_succeed(
        Command::new("python3")
            .arg(driver)
            .arg("smoke")
            .env_remove("LD_LIBRARY_PATH"),
    );
    print!("{}", String::from_utf8_lossy(&done.stdout));
}
