//! Opens a client from pairs of texts.
#![allow(unsafe_code, reason = "calls the C surface")]

use std::ffi::{CString, c_char};
use std::ptr::null_mut;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::error::{Error, Result, call};
use crate::ffi::{
    self, KRS_CONSUMER, KRS_PRODUCER, krs_chan, krs_client, krs_code, krs_conf, krs_error,
};

/// A key, its value, and whether it is of the nested map `default.topic.config`.
pub type Setting = (String, String, bool);

struct Conf(*mut krs_conf);

impl Conf {
    fn new(kind: u32) -> Result<Self> {
        let mut conf = Self(null_mut());
        // SAFETY: a place for the result.
        call(|err| unsafe { ffi::krs_conf_new(kind, &mut conf.0, err) })?;
        Ok(conf)
    }

    fn set(&mut self, (name, value, of_topics): &Setting) -> PyResult<Result<()>> {
        let (name, value) = (c_string("a key", name)?, c_string(name, value)?);
        let set = if *of_topics {
            ffi::krs_conf_set_default_topic
        } else {
            ffi::krs_conf_set
        };
        // SAFETY: the configuration and both texts are alive.
        Ok(call(|err| unsafe {
            set(self.0, name.as_ptr(), value.as_ptr(), err)
        }))
    }
}

impl Drop for Conf {
    fn drop(&mut self) {
        // SAFETY: made by krs_conf_new, or NULL, and freed once.
        unsafe { ffi::krs_conf_free(self.0) }
    }
}

pub fn c_string(what: &str, text: &str) -> PyResult<CString> {
    CString::new(text)
        .map_err(|_| PyValueError::new_err(format!("{what} contains a NUL: {text:?}")))
}

fn make(py: Python<'_>, kind: u32, settings: &[Setting]) -> PyResult<Conf> {
    let raise = |error: Error| error.raise_kafka(py);
    let mut conf = Conf::new(kind).map_err(raise)?;
    for setting in settings {
        let result = conf.set(setting)?;
        match result {
            Ok(()) => {}
            // A key of producers in the configuration of a consumer, or the other way round: programs that share one
            // configuration do that, and other clients say nothing.
            Err(_) if Conf::new(other(kind)).map_err(raise)?.set(setting)?.is_ok() => {}
            Err(error) => return Err(raise(error)),
        }
    }
    Ok(conf)
}

fn other(kind: u32) -> u32 {
    if kind == KRS_PRODUCER {
        KRS_CONSUMER
    } else {
        KRS_PRODUCER
    }
}

/// What is open of a client.
#[derive(Clone, Copy)]
pub struct Handles {
    pub client: krs_client,
    pub events: krs_chan,
    pub logs: krs_chan,
}

pub fn open(py: Python<'_>, kind: u32, settings: &[Setting]) -> PyResult<Handles> {
    let conf = make(py, kind, settings)?;
    let mut handles = Handles {
        client: krs_client::default(),
        events: krs_chan::default(),
        logs: krs_chan::default(),
    };
    // The interpreter lock stays ours: this does not wait, and librdkafka's threads do not call Python.
    // SAFETY: the configuration is alive, and there is a place for the result.
    let opened = call(|err| unsafe { ffi::krs_client_open(conf.0, &mut handles.client, err) })
        .and_then(|()| {
            // SAFETY: a place for the result.
            call(|err| unsafe { ffi::krs_client_events(handles.client, &mut handles.events, err) })
        })
        .and_then(|()| {
            // SAFETY: a place for the result.
            call(|err| unsafe { ffi::krs_client_logs(handles.client, &mut handles.logs, err) })
        });
    opened.map_err(|error| error.raise_kafka(py))?;
    Ok(handles)
}

/// The effective value of a key after these settings.
#[pyfunction]
#[pyo3(signature = (producer, settings, name))]
pub fn conf_get(
    py: Python<'_>,
    producer: bool,
    settings: Vec<Setting>,
    name: &str,
) -> PyResult<String> {
    let kind = if producer { KRS_PRODUCER } else { KRS_CONSUMER };
    let conf = make(py, kind, &settings)?;
    let name = c_string("a key", name)?;
    // SAFETY: the configuration and the name are alive, the buffer has its capacity.
    read_text(|buffer, capacity, len, err| unsafe {
        ffi::krs_conf_get(conf.0, name.as_ptr(), buffer, capacity, len, err)
    })
    .map_err(|error| error.raise_kafka(py))
}

/// The client's name, as log lines have it.
pub fn client_name(client: krs_client) -> Result<String> {
    // SAFETY: the buffer has its capacity.
    read_text(|buffer, capacity, len, err| unsafe {
        ffi::krs_client_name(client, buffer, capacity, len, err)
    })
}

/// Bytes that the core writes to a buffer, which is enlarged if need be.
pub fn read_bytes(
    mut read: impl FnMut(*mut u8, usize, *mut usize, *mut krs_error) -> krs_code,
) -> Result<Vec<u8>> {
    let mut buffer = vec![0u8; 256];
    loop {
        let mut len = 0;
        let result = call(|err| read(buffer.as_mut_ptr(), buffer.len(), &mut len, err));
        if result.is_err() && len >= buffer.len() {
            buffer.resize(len + 1, 0);
            continue;
        }
        result?;
        buffer.truncate(len);
        return Ok(buffer);
    }
}

/// The same for a text.
pub fn read_text(
    mut read: impl FnMut(*mut c_char, usize, *mut usize, *mut krs_error) -> krs_code,
) -> Result<String> {
    let bytes = read_bytes(|buffer, capacity, len, err| read(buffer.cast(), capacity, len, err))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
