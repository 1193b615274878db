//! How a thread waits for any of several channels.

use std::sync::Arc;
use std::time::Instant;

use crate::sync::atomic::{AtomicUsize, Ordering, fence};
use crate::sync::{Condvar, Mutex};

/// Something that can be told "look again". May be called with any lock held,
/// so it must not take one that is not its own.
pub trait Wake: Send + Sync {
    fn wake(&self);
}

/// One wait of one thread. A peer may *claim* it for one of its cases, which
/// settles that case; being woken only means to try again.
#[derive(Default)]
pub struct Waiter {
    state: Mutex<State>,
    woken: Condvar,
}

#[derive(Default)]
struct State {
    woken: bool,
    claim: Claim,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Claim {
    #[default]
    Open,
    For(usize),
    Over,
}

impl Waiter {
    /// Settles `case`, unless another case or the end of the wait came first.
    pub fn claim(&self, case: usize) -> bool {
        let mut state = self.state.lock();
        if state.claim != Claim::Open {
            return false;
        }
        state.claim = Claim::For(case);
        state.woken = true;
        self.woken.notify_one();
        true
    }

    /// Takes back a claim that the waiting thread made on itself. A peer that
    /// was turned away meanwhile is found by trying again, so it wakes.
    pub fn unclaim(&self) {
        let mut state = self.state.lock();
        state.claim = Claim::Open;
        state.woken = true;
    }

    /// Sleeps until woken or `until`; returns whether it was woken.
    pub fn sleep(&self, until: Option<Instant>) -> bool {
        let mut state = self.state.lock();
        while !state.woken {
            match until {
                None => self.woken.wait(&mut state),
                Some(until) => {
                    if self.woken.wait_until(&mut state, until).timed_out() {
                        break;
                    }
                }
            }
        }
        state.woken
    }

    /// Ends the wait: the case that a peer settled, if one did.
    pub fn finish(&self) -> Option<usize> {
        let mut state = self.state.lock();
        match std::mem::replace(&mut state.claim, Claim::Over) {
            Claim::For(case) => Some(case),
            Claim::Open | Claim::Over => None,
        }
    }
}

impl Wake for Waiter {
    fn wake(&self) {
        self.state.lock().woken = true;
        self.woken.notify_one();
    }
}

/// Who wants to know that something changed.
#[derive(Default)]
pub struct Notify {
    count: AtomicUsize,
    watchers: Mutex<Vec<Arc<dyn Wake>>>,
}

impl Notify {
    /// After this, look once before sleeping: what came earlier wakes nobody.
    pub fn add(&self, watcher: Arc<dyn Wake>) {
        let mut watchers = self.watchers.lock();
        watchers.push(watcher);
        self.count.store(watchers.len(), Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    pub fn remove(&self, watcher: &Arc<dyn Wake>) {
        let mut watchers = self.watchers.lock();
        if let Some(at) = watchers.iter().position(|w| Arc::ptr_eq(w, watcher)) {
            watchers.swap_remove(at);
        }
        self.count.store(watchers.len(), Ordering::SeqCst);
    }

    pub fn wake(&self) {
        // Orders the change before the look at `count`, as `add` orders the
        // count before the watcher's last look.
        fence(Ordering::SeqCst);
        if self.count.load(Ordering::SeqCst) > 0 {
            for watcher in self.watchers.lock().iter() {
                watcher.wake();
            }
        }
    }
}
