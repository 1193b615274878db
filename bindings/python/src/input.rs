//! What a program passes to be sent: text, bytes, or anything with the buffer protocol.

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyBufferError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use crate::error::{Error, call};
use crate::ffi::{self, krs_bytes};

/// Bytes that are borrowed from a Python object, or were copied from a buffer that may change.
pub enum Data<'a> {
    Null,
    Borrowed(&'a [u8]),
    Owned(Vec<u8>),
}

impl<'a> Data<'a> {
    #[inline]
    pub fn of(object: Option<&'a Bound<'_, PyAny>>) -> PyResult<Self> {
        let Some(object) = object else {
            return Ok(Self::Null);
        };
        if let Ok(bytes) = object.cast::<PyBytes>() {
            return Ok(Self::Borrowed(bytes.as_bytes()));
        }
        if let Ok(text) = object.cast::<PyString>() {
            return Ok(Self::Borrowed(text.to_str()?.as_bytes()));
        }
        if object.is_none() {
            return Ok(Self::Null);
        }
        Self::of_buffer(object).map(Self::Owned)
    }

    fn of_buffer(object: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
        // As memoryview: its bytes, whatever its items are.
        let view = pyo3::types::PyMemoryView::from(object).map_err(|_| {
            PyTypeError::new_err(format!(
                "a bytes-like object is required, not '{}'",
                object
                    .get_type()
                    .name()
                    .map_or_else(|_| "?".into(), |name| name.to_string())
            ))
        })?;
        let bytes = view
            .call_method1("cast", ("B",))
            .map_err(|_| PyBufferError::new_err("the memory is not contiguous"))?;
        PyBuffer::<u8>::get(&bytes)?.to_vec(object.py())
    }

    #[inline]
    pub fn get(&self) -> Option<&[u8]> {
        match self {
            Self::Null => None,
            Self::Borrowed(bytes) => Some(bytes),
            Self::Owned(bytes) => Some(bytes),
        }
    }
}

/// Headers as (key, value) pairs.
pub fn headers(object: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<(String, Option<Vec<u8>>)>> {
    let Some(object) = object.filter(|object| !object.is_none()) else {
        return Ok(Vec::new());
    };
    let mut all = Vec::new();
    let mut add = |key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>| {
        let key = key
            .cast::<PyString>()
            .map_err(|_| PyTypeError::new_err("expected header key to be a unicode string"))?;
        let value = Data::of(Some(value)).map_err(|_| {
            PyTypeError::new_err(format!(
                "expected header value to be None, binary, or unicode string, not {}",
                value
                    .get_type()
                    .name()
                    .map_or_else(|_| "?".into(), |name| name.to_string())
            ))
        })?;
        all.push((key.to_str()?.to_owned(), value.get().map(<[u8]>::to_vec)));
        Ok::<_, PyErr>(())
    };
    if let Ok(map) = object.cast::<PyDict>() {
        for (key, value) in map.iter() {
            add(&key, &value)?;
        }
    } else if let Ok(list) = object.cast::<PyList>() {
        for pair in list.iter() {
            let pair = pair.cast::<PyTuple>().ok().filter(|pair| pair.len() == 2);
            let pair = pair.ok_or_else(|| {
                PyTypeError::new_err("Headers are expected to be a list of (key, value) tuples")
            })?;
            add(&pair.get_item(0)?, &pair.get_item(1)?)?;
        }
    } else {
        return Err(PyTypeError::new_err(format!(
            "expected headers to be dict or list of (key, value) tuples, not {}",
            object.get_type().name()?
        )));
    }
    Ok(all)
}

/// The same in the form that krs_message takes.
#[allow(unsafe_code, reason = "calls the C surface")]
pub fn encode_headers(headers: &[(String, Option<Vec<u8>>)]) -> Result<Vec<u8>, Error> {
    let size = |(key, value): &(String, Option<Vec<u8>>)| {
        8 + key.len() + value.as_ref().map_or(0, Vec::len)
    };
    let mut buffer = vec![0u8; headers.iter().map(size).sum()];
    let mut len = 0;
    for (key, value) in headers {
        let (key, value) = (
            krs_bytes::of(Some(key.as_bytes())),
            krs_bytes::of(value.as_deref()),
        );
        let (place, capacity) = (buffer.as_mut_ptr(), buffer.len());
        // SAFETY: the buffer has its capacity; key and value are alive.
        call(|err| unsafe { ffi::krs_headers_add(place, capacity, &mut len, key, value, err) })?;
    }
    Ok(buffer)
}
