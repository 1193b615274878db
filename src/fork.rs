//! What a fork leaves behind: the child has the parent's memory, but none of its
//! threads, and perhaps locks that one of them held. So nothing from before is
//! touched there; it is told by its epoch, which is looked at before any lock.

use std::sync::atomic::{AtomicU32, Ordering};

static EPOCH: AtomicU32 = AtomicU32::new(0);

/// How many forks this process is away from the first one that used the library.
pub fn epoch() -> u32 {
    EPOCH.load(Ordering::Relaxed)
}

/// Runs in the child, on the thread that forked, which is its only one.
pub extern "C" fn in_child() {
    EPOCH.fetch_add(1, Ordering::SeqCst);
}
