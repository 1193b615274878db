//! A client that was open when the process forked is of no use in the child: its threads are gone.

use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// How many forks lie between this process and the one that loaded the module.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Where an object was made.
#[derive(Clone, Copy)]
pub struct Birth(u32);

impl Birth {
    pub fn now() -> Self {
        Self(FORKS.load(Ordering::Relaxed))
    }

    #[inline]
    pub fn is_here(self) -> bool {
        self.0 == FORKS.load(Ordering::Relaxed)
    }

    #[inline]
    pub fn check(self, what: &str) -> PyResult<()> {
        if self.is_here() {
            return Ok(());
        }
        Err(PyRuntimeError::new_err(format!(
            "this {what} was made before the process forked, and does not work in the child: make a new one here, \
             after the fork"
        )))
    }
}

/// Called by Python in each child, right after the fork.
#[pyfunction]
pub fn _forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}
