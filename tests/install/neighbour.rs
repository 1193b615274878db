//! A second Rust library in one program: has its own copy of Rust's library, and unwinds.

use std::panic;

#[no_mangle]
pub extern "C" fn neighbour_catches() -> i32 {
    panic::set_hook(Box::new(|_| ()));
    let words: Vec<String> = (0..3).map(|n| format!("word {n}")).collect();
    panic::catch_unwind(|| words[words.len()].len())
        .is_err()
        .into()
}
