//! Senders that wait for room, first come first served. Without it, whoever is
//! awake when room appears takes all of it, and others starve.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ThreadId};

use parking_lot::Mutex;

/// Messages that a thread sends before the next in line has its turn: one at a
/// time would cost a switch of threads for each.
const TURN: usize = 64;

#[derive(Default)]
pub struct Line {
    /// Length of the line, to be seen without the lock.
    len: AtomicUsize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    threads: VecDeque<ThreadId>,
    /// Whose turn it is, though it no longer waits, and for how many messages.
    turn: Option<ThreadId>,
    left: usize,
}

impl Line {
    /// Takes a place at the end, unless this thread has one. Returns whether
    /// this ends its turn, and the first in line has to be woken.
    pub fn join(&self) -> bool {
        let me = thread::current().id();
        let mut inner = self.inner.lock();
        if inner.threads.contains(&me) {
            return false;
        }
        inner.threads.push_back(me);
        self.len.store(inner.threads.len(), Ordering::SeqCst);
        inner.threads.len() > 1 && inner.turn.take_if(|turn| *turn == me).is_some()
    }

    /// Returns whether this thread was first, and others wait behind it.
    pub fn leave(&self) -> bool {
        let me = thread::current().id();
        let mut inner = self.inner.lock();
        let first = inner.threads.front() == Some(&me);
        inner.threads.retain(|thread| *thread != me);
        self.len.store(inner.threads.len(), Ordering::SeqCst);
        first && !inner.threads.is_empty()
    }

    /// Whether this thread may send now: nobody waits, or it is its turn.
    pub fn lets_in(&self) -> bool {
        if self.is_empty() {
            return true;
        }
        let me = thread::current().id();
        let inner = self.inner.lock();
        match inner.threads.front() {
            Some(first) => *first == me || (inner.turn == Some(me) && inner.left > 0),
            None => true,
        }
    }

    /// This thread, which was let in, has sent so many messages.
    pub fn sent(&self, count: usize) {
        if self.is_empty() {
            return;
        }
        let me = thread::current().id();
        let mut inner = self.inner.lock();
        if inner.threads.front() == Some(&me) {
            inner.turn = Some(me);
            inner.left = TURN;
        }
        if inner.turn == Some(me) {
            inner.left = inner.left.saturating_sub(count);
        }
    }

    fn is_empty(&self) -> bool {
        self.len.load(Ordering::SeqCst) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_another_thread<T: Send>(call: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| scope.spawn(call).join().expect("no panic"))
    }

    #[test]
    fn a_turn_ends_after_some_messages_and_nobody_overtakes() {
        let line = Line::default();
        assert!(line.lets_in() && !line.join() && line.lets_in());
        assert!(!of_another_thread(|| line.lets_in()));
        assert!(!of_another_thread(|| line.join()));
        line.sent(1);
        assert!(line.leave(), "another waits");
        line.sent(TURN - 2);
        assert!(line.lets_in(), "one is left of the turn");
        line.sent(1);
        assert!(!line.lets_in());
        assert!(line.join(), "the other has to be woken");
        assert!(!line.lets_in());
    }
}
