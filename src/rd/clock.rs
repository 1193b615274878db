//! One look at the clock for all that librdkafka does with a message: see clock.c.

use std::marker::PhantomData;

unsafe extern "C" {
    fn krs_clock_hold();
    fn krs_clock_release();
}

/// While it lives, this thread's clock stands still inside librdkafka: for calls that do not wait.
pub struct HeldClock(PhantomData<*const ()>);

impl HeldClock {
    pub fn new() -> Self {
        // SAFETY: it only sets a variable of this thread.
        unsafe { krs_clock_hold() };
        Self(PhantomData)
    }
}

impl Drop for HeldClock {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { krs_clock_release() };
    }
}
