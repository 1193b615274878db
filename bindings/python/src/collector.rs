//! What Python's garbage collector looks at. There are many reports, and to look at each again and again costs more than
//! to make them; most are in no cycle.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;

/// Whether it looks at an object, which it does from the first.
pub struct Looks(AtomicBool);

impl Default for Looks {
    fn default() -> Self {
        Self(AtomicBool::new(true))
    }
}

impl Looks {
    /// `object` is the one that has this.
    #[allow(unsafe_code, reason = "the garbage collector's own functions")]
    pub fn set(&self, object: &Bound<'_, PyAny>, looks: bool) {
        if self.0.swap(looks, Ordering::Relaxed) == looks {
            return;
        }
        // SAFETY: a live object of a type that the collector knows, as all of PyO3's; it looks at it or not, as the flag
        // said.
        unsafe {
            if looks {
                pyo3::ffi::PyObject_GC_Track(object.as_ptr().cast());
            } else {
                pyo3::ffi::PyObject_GC_UnTrack(object.as_ptr().cast());
            }
        }
    }
}
