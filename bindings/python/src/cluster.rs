//! What a client of either kind can ask of its cluster, and credentials. Python passes the client's number.
#![allow(unsafe_code, reason = "calls the C surface")]

use std::ffi::CString;
use std::ptr::null;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::conf::{c_string, read_text};
use crate::error::{Error, Result, call};
use crate::ffi::{self, krs_client};
use crate::partitions::{answer, tuples};
use crate::wait::{Deadline, interruptible};

fn optional(topic: Option<&str>) -> PyResult<Option<CString>> {
    topic.map(|topic| c_string("a topic", topic)).transpose()
}

/// Brokers, topics and partitions, as rows.
#[pyfunction]
#[pyo3(signature = (client, topic, timeout))]
pub fn cluster_metadata<'py>(
    py: Python<'py>,
    client: u64,
    topic: Option<&str>,
    timeout: f64,
) -> PyResult<Vec<Bound<'py, PyTuple>>> {
    let ms = Deadline::after(timeout).all_ms();
    let topic = optional(topic)?;
    let rows = interruptible(py, move || {
        let name = topic.as_ref().map_or(null(), |topic| topic.as_ptr());
        let client = krs_client { id: client };
        // SAFETY: the name is alive; `answer` gives places for batch and view.
        answer(|batch, view, err| unsafe {
            ffi::krs_cluster_metadata(client, name, 1, ms, batch, view, err)
        })
    })?
    .map_err(|error| error.because("Failed to get metadata").raise_of_client(py))?;
    tuples(py, &rows)
}

/// The cluster's id and the id of its controller; None and -1 where it does not tell in time.
#[pyfunction]
pub fn cluster_identity(
    py: Python<'_>,
    client: u64,
    timeout: f64,
) -> PyResult<(Option<String>, i32)> {
    let ms = Deadline::after(timeout).all_ms();
    interruptible(py, move || {
        let client = krs_client { id: client };
        // SAFETY: the buffer has its capacity.
        let id = read_text(|buffer, capacity, len, err| unsafe {
            ffi::krs_cluster_id(client, ms, buffer, capacity, len, err)
        });
        let mut controller = -1;
        // SAFETY: a place for the result.
        let told =
            call(|err| unsafe { ffi::krs_cluster_controller_id(client, ms, &mut controller, err) });
        (id.ok(), if told.is_ok() { controller } else { -1 })
    })
}

/// The first offset of a partition and the one after its last. A timeout of 0: as last seen.
#[pyfunction]
pub fn cluster_watermarks(
    py: Python<'_>,
    client: u64,
    topic: &str,
    partition: i32,
    timeout: f64,
) -> PyResult<(i64, i64)> {
    let ms = Deadline::after(timeout).all_ms();
    let topic = c_string("a topic", topic)?;
    let ask = move || {
        let (mut low, mut high) = (0, 0);
        let client = krs_client { id: client };
        let name = topic.as_ptr();
        // SAFETY: the name is alive, and there are places for the results.
        call(|err| unsafe {
            ffi::krs_cluster_watermarks(client, name, partition, ms, &mut low, &mut high, err)
        })
        .map(|()| (low, high))
    };
    let asked: Result<(i64, i64)> = if ms == 0 {
        ask()
    } else {
        interruptible(py, ask)?
    };
    asked.map_err(|error| {
        error
            .because("Failed to get watermark offsets")
            .raise_of_client(py)
    })
}

/// Sets the user and password of the next connections.
#[pyfunction]
pub fn client_set_sasl(py: Python<'_>, client: u64, user: &str, password: &str) -> PyResult<()> {
    let (user, password) = (
        c_string("the user", user)?,
        c_string("the password", password)?,
    );
    let client = krs_client { id: client };
    // SAFETY: both texts are alive.
    call(|err| unsafe { ffi::krs_client_set_sasl(client, user.as_ptr(), password.as_ptr(), err) })
        .map_err(|error| error.raise_of_client(py))
}

/// Gives the OAUTHBEARER token that was asked for.
#[pyfunction]
pub fn client_set_token(
    py: Python<'_>,
    client: u64,
    token: &str,
    lifetime_ms: i64,
    principal: &str,
    extensions: Vec<(String, String)>,
) -> PyResult<()> {
    let (token, principal) = (
        c_string("the token", token)?,
        c_string("the principal", principal)?,
    );
    let extensions = extensions
        .iter()
        .flat_map(|(key, value)| [key, value])
        .map(|text| c_string("an extension", text))
        .collect::<PyResult<Vec<CString>>>()?;
    let pointers: Vec<_> = extensions.iter().map(|text| text.as_ptr()).collect();
    let client = krs_client { id: client };
    let (place, count) = (pointers.as_ptr(), pointers.len());
    // SAFETY: all texts are alive.
    call(|err| unsafe {
        let (token, principal) = (token.as_ptr(), principal.as_ptr());
        ffi::krs_client_set_token(client, token, lifetime_ms, principal, place, count, err)
    })
    .map_err(|error| error.raise_of_client(py))
}

/// Says that there is no token.
#[pyfunction]
pub fn client_token_failed(py: Python<'_>, client: u64, reason: &str) -> PyResult<()> {
    let reason = c_string("the reason", &reason.replace('\0', " "))?;
    let client = krs_client { id: client };
    // SAFETY: the text is alive.
    call(|err| unsafe { ffi::krs_client_token_failed(client, reason.as_ptr(), err) })
        .map_err(|error| error.raise_of_client(py))
}

impl Error {
    /// A closed client is a RuntimeError, all else a KafkaException.
    pub fn raise_of_client(&self, py: Python<'_>) -> PyErr {
        if self.is_closed() || self.code == ffi::KRS_ERR_FORKED {
            self.raise(py)
        } else {
            self.raise_kafka(py)
        }
    }
}
