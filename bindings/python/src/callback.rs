//! Calling back without a tuple for the arguments, which costs more than the rest of the call.
#![allow(
    unsafe_code,
    reason = "a function of Python that PyO3 does not declare"
)]

use pyo3::ffi::PyObject;
use pyo3::prelude::*;

unsafe extern "C" {
    /// Exported by 3.11, and of the stable ABI since 3.12:
    /// https://docs.python.org/3/c-api/call.html#c.PyObject_Vectorcall
    fn PyObject_Vectorcall(
        callable: *mut PyObject,
        arguments: *mut *mut PyObject,
        count_and_flag: usize,
        keywords: *mut PyObject,
    ) -> *mut PyObject;
}

/// The place before the arguments may be used by who is called: a method puts its object there.
const HAS_ROOM: usize = 1 << (usize::BITS - 1);

/// `callback(first, second)`, whose result nobody wants.
pub fn call_back(
    callback: &Bound<'_, PyAny>,
    first: &Bound<'_, PyAny>,
    second: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let mut arguments = [std::ptr::null_mut(), first.as_ptr(), second.as_ptr()];
    // SAFETY: callable and arguments are alive; there are two of these, and a place before them; the result is NULL
    // with an exception, or a reference that is ours.
    unsafe {
        let result = PyObject_Vectorcall(
            callback.as_ptr(),
            arguments.as_mut_ptr().add(1),
            2 | HAS_ROOM,
            std::ptr::null_mut(),
        );
        Bound::from_owned_ptr_or_err(callback.py(), result).map(drop)
    }
}
