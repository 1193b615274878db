//! What channels and handles lock with: parking_lot, or, for the model checker,
//! locks whose every step it orders (`src/model.rs`).

#[cfg(not(feature = "model-checking"))]
pub use parking_lot::{Condvar, MappedRwLockReadGuard, Mutex, MutexGuard, RwLock, RwLockReadGuard};
#[cfg(not(feature = "model-checking"))]
pub use std::sync::atomic;

#[cfg(feature = "model-checking")]
pub use modelled::Condvar;
#[cfg(feature = "model-checking")]
pub use shuttle::sync::atomic;
#[cfg(feature = "model-checking")]
pub use shuttle_parking_lot::{MappedRwLockReadGuard, Mutex, MutexGuard, RwLock, RwLockReadGuard};

/// A number from 0 to below `count`, which is not 0.
pub fn any_below(count: usize) -> usize {
    #[cfg(not(feature = "model-checking"))]
    return fastrand::usize(..count);
    #[cfg(feature = "model-checking")]
    return shuttle::rand::Rng::gen_range(&mut shuttle::rand::thread_rng(), 0..count);
}

#[cfg(feature = "model-checking")]
mod modelled {
    use std::time::Instant;

    use shuttle_parking_lot::MutexGuard;

    /// parking_lot's, as far as it is used. A wait never ends by itself: who relies on
    /// that loses a wake-up, and the checker is to see it.
    #[derive(Default)]
    pub struct Condvar {
        calls: shuttle::sync::Mutex<u64>,
        called: shuttle::sync::Condvar,
    }

    pub struct Woken;

    impl Woken {
        pub fn timed_out(&self) -> bool {
            false
        }
    }

    impl Condvar {
        pub fn notify_one(&self) {
            *self.calls.lock().expect("nobody panics in here") += 1;
            self.called.notify_all();
        }

        pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            let before = *self.calls.lock().expect("nobody panics in here");
            MutexGuard::unlocked(guard, || {
                let calls = self.calls.lock().expect("nobody panics in here");
                let woken = self.called.wait_while(calls, |calls| *calls == before);
                drop(woken.expect("nobody panics in here"));
            });
        }

        pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _until: Instant) -> Woken {
            self.wait(guard);
            Woken
        }
    }
}
