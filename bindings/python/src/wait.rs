//! Waiting without the interpreter lock, in slices that Ctrl-C can end.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::error::{Error, Result};

/// Longest time between two looks at pending signals.
const SLICE: Duration = Duration::from_millis(100);

#[derive(Clone, Copy)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// `timeout` in seconds; negative = none.
    pub fn after(timeout: f64) -> Self {
        if timeout < 0.0 || timeout.is_nan() {
            return Self(None);
        }
        // What is beyond an Instant is as good as for ever.
        let time = Duration::try_from_secs_f64(timeout).ok();
        Self(time.and_then(|time| Instant::now().checked_add(time)))
    }

    /// The earlier of two.
    pub fn or_sooner(self, end: Instant) -> Self {
        Self(Some(self.0.map_or(end, |own| own.min(end))))
    }

    pub fn left(self) -> Option<Duration> {
        self.0
            .map(|end| end.saturating_duration_since(Instant::now()))
    }

    pub fn is_over(self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }

    /// How long to wait next, in milliseconds.
    pub fn slice_ms(self) -> i32 {
        let time = self.left().map_or(SLICE, |left| left.min(SLICE));
        // Rounded up: a wait that ends early would be followed by one of 0, again and again.
        time.as_micros().div_ceil(1000) as i32
    }

    /// The whole of it for a call that takes -1 as for ever.
    pub fn all_ms(self) -> i32 {
        self.left().map_or(-1, |left| {
            i32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
        })
    }
}

/// Does on a thread of its own what asks a broker and cannot be cut into slices, so that Ctrl-C can end the wait for it.
pub fn interruptible<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> T + Send + 'static,
) -> PyResult<T> {
    let (done, answer) = mpsc::channel();
    let thread = std::thread::Builder::new().name("krs-ask".to_owned());
    thread.spawn(move || {
        // Nobody listens any more after Ctrl-C.
        let _ = done.send(work());
    })?;
    let answer = Mutex::new(answer);
    loop {
        match py.detach(|| answer.lock().recv_timeout(SLICE)) {
            Ok(result) => return Ok(result),
            Err(mpsc::RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Err(PyRuntimeError::new_err("the thread that asked has died"));
            }
        }
    }
}

/// Repeats `attempt`, which waits for as many milliseconds as it is told, until it gives something or time is up.
/// `attempt` runs without the interpreter lock.
pub fn until<T: Send>(
    py: Python<'_>,
    deadline: Deadline,
    mut attempt: impl FnMut(i32) -> Result<Option<T>> + Send,
) -> PyResult<std::result::Result<Option<T>, Error>> {
    loop {
        let slice = deadline.slice_ms();
        match py.detach(|| attempt(slice)) {
            Ok(Some(done)) => return Ok(Ok(Some(done))),
            Ok(None) => {}
            Err(error) => return Ok(Err(error)),
        }
        py.check_signals()?;
        if deadline.is_over() {
            return Ok(Ok(None));
        }
    }
}
