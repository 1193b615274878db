//! What went wrong in a call to the core, and the exception that Python gets for it.

use std::ffi::CStr;
use std::mem::MaybeUninit;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::ffi::{self, krs_code, krs_error};

#[derive(Clone, Debug)]
pub struct Error {
    pub code: krs_code,
    pub flags: u32,
    pub message: String,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Nothing happened in the time that was given.
    pub fn is_no_row_yet(&self) -> bool {
        matches!(self.code, ffi::KRS_ERR_WOULD_BLOCK | ffi::KRS_ERR_TIMED_OUT)
    }

    pub fn is_closed(&self) -> bool {
        self.code == ffi::KRS_ERR_CLOSED
    }

    /// The `KafkaError` of it.
    pub fn to_object(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        kafka_error(py, self.code, Some(&self.message), self.flags)
    }

    /// `KafkaException(KafkaError(...))`, but what is a mistake of the program is an exception of Python.
    pub fn raise(&self, py: Python<'_>) -> PyErr {
        match self.code {
            ffi::KRS_ERR_CLOSED | ffi::KRS_ERR_HANDLE => PyRuntimeError::new_err("Client closed"),
            // Where Python did not notice the fork.
            ffi::KRS_ERR_FORKED => PyRuntimeError::new_err(self.message.clone()),
            ffi::KRS_ERR_ARGUMENT => PyValueError::new_err(self.message.clone()),
            _ => self.raise_kafka(py),
        }
    }

    pub fn raise_kafka(&self, py: Python<'_>) -> PyErr {
        let raised = self
            .to_object(py)
            .and_then(|error| kafka_exception(py, error));
        raised.map_or_else(
            |failed| failed,
            |raised| PyErr::from_value(raised.into_bound(py)),
        )
    }

    /// The same, said in another way.
    pub fn because(mut self, why: &str) -> Self {
        self.message = format!("{why}: {}", self.message);
        self
    }
}

static ERROR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static EXCEPTION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

fn class<'py>(
    py: Python<'py>,
    place: &'static PyOnceLock<Py<PyAny>>,
    name: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let found = place.get_or_try_init(py, || {
        Ok::<_, PyErr>(py.import("kafka_rs._error")?.getattr(name)?.unbind())
    })?;
    Ok(found.bind(py).clone())
}

pub fn kafka_error(
    py: Python<'_>,
    code: krs_code,
    text: Option<&str>,
    flags: u32,
) -> PyResult<Py<PyAny>> {
    let has = |flag| flags & flag != 0;
    let arguments = (
        code,
        text.filter(|text| !text.is_empty()),
        has(ffi::KRS_ERROR_FATAL),
        has(ffi::KRS_ERROR_RETRIABLE),
        has(ffi::KRS_ERROR_TXN_ABORT),
    );
    Ok(class(py, &ERROR, "KafkaError")?.call1(arguments)?.unbind())
}

/// `KafkaException(error)`.
pub fn kafka_exception(py: Python<'_>, error: Py<PyAny>) -> PyResult<Py<PyAny>> {
    let class = class(py, &EXCEPTION, "KafkaException")?;
    Ok(class.call1((error,))?.unbind())
}

/// Calls a function of the core and takes over what it says.
#[allow(unsafe_code, reason = "an error that is written by the core only")]
pub fn call(function: impl FnOnce(*mut krs_error) -> krs_code) -> Result<()> {
    // Not zeroed: that would take longer than many a call.
    let mut err = MaybeUninit::<krs_error>::uninit();
    let place = err.as_mut_ptr();
    // SAFETY: a field of our own; nothing is read.
    unsafe { (&raw mut (*place).struct_size).write(size_of::<krs_error>() as u32) };
    let code = function(place);
    if code == ffi::KRS_OK {
        return Ok(());
    }
    // SAFETY: a call that fails writes the fields, and as many bytes of the message as it says.
    let (flags, message) = unsafe {
        let room: *const [u8] = &raw const (*place).message;
        let len = ((*place).message_len as usize).min(room.len());
        let message = std::slice::from_raw_parts(room.cast::<u8>(), len);
        ((*place).flags, message)
    };
    Err(Error {
        code,
        flags,
        message: String::from_utf8_lossy(message).into_owned(),
    })
}

/// A static text of the core.
#[allow(unsafe_code, reason = "reads a C string")]
fn text(pointer: *const std::ffi::c_char) -> &'static str {
    if pointer.is_null() {
        return "";
    }
    // SAFETY: the functions that give it document a static, NUL-terminated string.
    unsafe { CStr::from_ptr(pointer) }
        .to_str()
        .unwrap_or_default()
}

#[allow(unsafe_code, reason = "calls the C surface")]
pub fn error_name(code: krs_code) -> &'static str {
    // SAFETY: takes any number.
    text(unsafe { ffi::krs_error_name(code) })
}

#[allow(unsafe_code, reason = "calls the C surface")]
pub fn error_text(code: krs_code) -> &'static str {
    // SAFETY: takes any number.
    text(unsafe { ffi::krs_error_text(code) })
}

#[allow(unsafe_code, reason = "calls the C surface")]
pub fn version() -> &'static str {
    // SAFETY: no arguments.
    text(unsafe { ffi::krs_version() })
}

#[allow(unsafe_code, reason = "calls the C surface")]
pub fn librdkafka_version() -> &'static str {
    // SAFETY: no arguments.
    text(unsafe { ffi::krs_librdkafka_version() })
}
