//! A native client that many threads use and one closes.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use parking_lot::{MappedRwLockReadGuard, Mutex, RwLock, RwLockReadGuard};

/// The common end takes a few milliseconds, which a deadline of 0 allows.
const SHORTEST_END: Duration = Duration::from_millis(20);

pub struct Shared<T: Send + Sync + 'static> {
    /// Gone once the client is closed.
    value: RwLock<Option<Arc<Life<T>>>>,
    ended: Mutex<Option<Receiver<()>>>,
}

/// The fields are dropped in this order: the end is told when it is over.
struct Life<T> {
    value: T,
    _ended: Sender<()>,
}

/// Keeps the client alive through a call that may take long. The last one gives
/// the client back on a thread of its own, which may take a minute when a broker
/// does not answer.
pub struct Share<T: Send + Sync + 'static>(Option<Arc<Life<T>>>);

/// A client that nobody else can get at any more.
pub struct Taken<T: Send + Sync + 'static> {
    share: Share<T>,
    ended: Option<Receiver<()>>,
}

impl<T: Send + Sync + 'static> Shared<T> {
    pub fn new(value: T) -> Self {
        let (sender, ended) = mpsc::channel();
        let life = Life {
            value,
            _ended: sender,
        };
        Self {
            value: RwLock::new(Some(Arc::new(life))),
            ended: Mutex::new(Some(ended)),
        }
    }

    /// For calls that do not wait: who closes the client waits for them.
    pub fn read(&self) -> Option<MappedRwLockReadGuard<'_, T>> {
        RwLockReadGuard::try_map(self.value.read(), |value| value.as_ref())
            .ok()
            .map(|life| MappedRwLockReadGuard::map(life, |life| &life.value))
    }

    /// For calls that wait for a broker.
    pub fn share(&self) -> Option<Share<T>> {
        self.value.read().clone().map(|life| Share(Some(life)))
    }

    /// From now on nobody finds the client; calls that are inside it go on.
    pub fn take(&self) -> Option<Taken<T>> {
        let share = Share(Some(self.value.write().take()?));
        let ended = self.ended.lock().take();
        Some(Taken { share, ended })
    }
}

impl<T: Send + Sync + 'static> Taken<T> {
    /// Gives the client back; whether that was done by `until`.
    pub fn end(self, until: Instant) -> bool {
        drop(self.share);
        let time = until
            .saturating_duration_since(Instant::now())
            .max(SHORTEST_END);
        // Nothing is ever sent: the sender goes when all is over.
        let over =
            |ended: Receiver<()>| ended.recv_timeout(time) != Err(mpsc::RecvTimeoutError::Timeout);
        self.ended.is_none_or(over)
    }
}

impl<T: Send + Sync + 'static> Deref for Taken<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.share
    }
}

impl<T: Send + Sync + 'static> Deref for Share<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.0 {
            Some(life) => &life.value,
            None => unreachable!("empty only while it is dropped"),
        }
    }
}

impl<T: Send + Sync + 'static> Drop for Share<T> {
    fn drop(&mut self) {
        if let Some(last) = self.0.take().and_then(Arc::into_inner) {
            let reaper = std::thread::Builder::new().name("krs-close".to_owned());
            // Where no thread is to be had, `spawn` drops the client right here.
            let _ = reaper.spawn(move || drop(last));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    struct Client(Arc<AtomicBool>);

    impl Drop for Client {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_client_lives_until_the_last_call_is_over() {
        let gone = Arc::new(AtomicBool::new(false));
        let shared = Shared::new(Client(Arc::clone(&gone)));
        let inside = shared.share();
        let taken = shared.take().unwrap();
        assert!(shared.read().is_none() && shared.share().is_none());
        assert!(!taken.end(Instant::now()), "a call is still inside");
        assert!(!gone.load(Ordering::SeqCst));
        drop(inside);
        let end = Instant::now() + Duration::from_secs(10);
        while !gone.load(Ordering::SeqCst) {
            assert!(Instant::now() < end);
            std::thread::yield_now();
        }
    }

    #[test]
    fn the_end_is_waited_for() {
        let gone = Arc::new(AtomicBool::new(false));
        let shared = Shared::new(Client(Arc::clone(&gone)));
        let taken = shared.take().unwrap();
        assert!(taken.end(Instant::now() + Duration::from_secs(10)));
        assert!(gone.load(Ordering::SeqCst));
    }
}
