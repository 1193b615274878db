//! Panics on demand, in builds for tests only: they show that a defect anywhere
//! becomes an error, and that the process lives on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

static ARMED: AtomicBool = AtomicBool::new(false);
static STRUCK: AtomicU64 = AtomicU64::new(0);

/// What every guarded body begins with.
#[expect(clippy::panic, reason = "that is what it is for")]
pub fn strike() {
    if ARMED.load(Ordering::SeqCst) {
        STRUCK.fetch_add(1, Ordering::SeqCst);
        panic!("injected");
    }
}

/// From now on every function of the header panics as it begins, or none does.
/// Returns how many have panicked. Not of the header, for no user's build has it.
#[unsafe(no_mangle)]
pub extern "C" fn krs_inject_panics(armed: bool) -> u64 {
    ARMED.store(armed, Ordering::SeqCst);
    STRUCK.load(Ordering::SeqCst)
}
