//! Channels of the program's own, and select over several.
#![allow(unsafe_code, reason = "calls the C surface")]

use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::exceptions::{PyTimeoutError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::error::{Error, Result, call};
use crate::ffi::{self, krs_batch_view, krs_bytes, krs_case, krs_chan, krs_message};
use crate::fork::Birth;
use crate::input::{Data, encode_headers, headers};
use crate::message::Message;
use crate::partitions::answer;
use crate::rows::Rows;
use crate::wait::{Deadline, until};

pyo3::create_exception!(
    kafka_rs,
    ChannelClosed,
    pyo3::exceptions::PyException,
    "The channel is closed, and empty if it was to be received from."
);

/// A bounded queue between threads, as Go has it.
///
/// With capacity 0 a send is done only when a receiver has taken the value. Any thread may send and receive.
#[pyclass(frozen, module = "kafka_rs", weakref)]
pub struct Channel {
    chan: krs_chan,
    birth: Birth,
}

fn raise(py: Python<'_>, error: &Error) -> PyErr {
    match error.code {
        ffi::KRS_ERR_CLOSED | ffi::KRS_ERR_HANDLE => {
            ChannelClosed::new_err("the channel is closed")
        }
        _ => error.raise(py),
    }
}

/// Waits in slices until `attempt` gives something.
fn wait<T: Send>(
    py: Python<'_>,
    timeout: f64,
    attempt: impl FnMut(i32) -> Result<Option<T>> + Send,
) -> PyResult<T> {
    match until(py, Deadline::after(timeout), attempt)? {
        Ok(Some(done)) => Ok(done),
        Ok(None) => Err(PyTimeoutError::new_err("timed out")),
        Err(error) => Err(raise(py, &error)),
    }
}

fn unless_late(result: Result<()>) -> Result<Option<()>> {
    match result {
        Ok(()) => Ok(Some(())),
        Err(error) if error.is_no_row_yet() => Ok(None),
        Err(error) => Err(error),
    }
}

/// A value that is to be sent, with what its message points to.
struct Outgoing {
    value: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
    headers: Vec<u8>,
}

impl Outgoing {
    fn of(
        py: Python<'_>,
        value: Option<&Bound<'_, PyAny>>,
        key: Option<&Bound<'_, PyAny>>,
        given: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        Ok(Self {
            value: Data::of(value)?.get().map(<[u8]>::to_vec),
            key: Data::of(key)?.get().map(<[u8]>::to_vec),
            headers: encode_headers(&headers(given)?).map_err(|error| error.raise(py))?,
        })
    }

    /// Valid as long as `self`.
    fn message(&self) -> krs_message {
        let mut message = krs_message::new();
        message.value = krs_bytes::of(self.value.as_deref());
        message.key = krs_bytes::of(self.key.as_deref());
        if !self.headers.is_empty() {
            message.headers = krs_bytes::of(Some(&self.headers));
        }
        message
    }
}

#[pymethods]
impl Channel {
    #[new]
    #[pyo3(signature = (capacity=0))]
    fn new(py: Python<'_>, capacity: usize) -> PyResult<Self> {
        let mut chan = krs_chan::default();
        // SAFETY: a place for the result.
        call(|err| unsafe { ffi::krs_chan_new(capacity, &mut chan, err) })
            .map_err(|error| error.raise(py))?;
        Ok(Self {
            chan,
            birth: Birth::now(),
        })
    }

    /// Sends a value, waiting up to `timeout` seconds for room (-1 = for ever).
    ///
    /// Raises TimeoutError, or ChannelClosed.
    #[pyo3(signature = (value, key=None, headers=None, timeout=-1.0))]
    fn send(
        &self,
        py: Python<'_>,
        value: Option<&Bound<'_, PyAny>>,
        key: Option<&Bound<'_, PyAny>>,
        headers: Option<&Bound<'_, PyAny>>,
        timeout: f64,
    ) -> PyResult<()> {
        self.birth.check("Channel")?;
        let outgoing = Outgoing::of(py, value, key, headers)?;
        wait(py, timeout, |slice| {
            let message = outgoing.message();
            // SAFETY: what the message points to is alive.
            unless_late(call(|err| unsafe {
                ffi::krs_chan_send(self.chan, &message, slice, err)
            }))
        })
    }

    /// Receives a value, as a Message, waiting up to `timeout` seconds (-1 = for ever).
    ///
    /// Raises TimeoutError, or ChannelClosed once the channel is closed and empty.
    #[pyo3(signature = (timeout=-1.0))]
    fn recv(&self, py: Python<'_>, timeout: f64) -> PyResult<Message> {
        self.birth.check("Channel")?;
        let rows = wait(py, timeout, |slice| {
            // SAFETY: `answer` gives places for batch and view.
            let rows = answer(|batch, view, err| unsafe {
                ffi::krs_chan_recv(self.chan, batch, ffi::KRS_ALL, 1, slice, view, err)
            });
            match rows {
                Ok(rows) => Ok(Some(rows)),
                Err(error) if error.is_no_row_yet() => Ok(None),
                Err(error) => Err(error),
            }
        })?;
        Ok(Message::received(rows, 0))
    }

    /// No more is sent; receivers get what is left, and then ChannelClosed. Closing again does nothing.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.birth.check("Channel")?;
        // SAFETY: takes any handle.
        call(|err| unsafe { ffi::krs_chan_close(self.chan, err) })
            .map_err(|error| raise(py, &error))
    }

    /// What is received until the channel is closed.
    fn __iter__(slf: &Bound<'_, Self>) -> Py<Self> {
        slf.clone().unbind()
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Message>> {
        match self.recv(py, -1.0) {
            Ok(message) => Ok(Some(message)),
            Err(error) if error.is_instance_of::<ChannelClosed>(py) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Values that wait in the channel.
    fn __len__(&self) -> PyResult<usize> {
        self.birth.check("Channel")?;
        let mut len = 0;
        // SAFETY: a place for the result. A closed and empty channel is one with nothing in it.
        let _ = call(|err| unsafe {
            ffi::krs_chan_len(self.chan, &mut len, std::ptr::null_mut(), err)
        });
        Ok(len)
    }

    fn __bool__(&self) -> bool {
        true
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        if self.birth.is_here() {
            // SAFETY: takes any handle.
            let _ = call(|err| unsafe { ffi::krs_chan_free(self.chan, err) });
        }
    }
}

/// One case of a select.
struct Case {
    chan: krs_chan,
    send: Option<Outgoing>,
    batch: *mut ffi::krs_batch,
    view: krs_batch_view,
}

// SAFETY: the batch belongs to the case alone.
unsafe impl Send for Case {}

impl Drop for Case {
    fn drop(&mut self) {
        // SAFETY: ours, or NULL, and freed once.
        unsafe { ffi::krs_batch_free(self.batch) }
    }
}

/// Does the first of several cases that is ready, or one of them at random if several are.
///
/// A case is a Channel to receive from, or a pair (channel, value) to send. Returns (number of the case, Message or
/// None for a send). A case whose channel is closed is ready: a receive then gives None, a send raises ChannelClosed.
/// Raises TimeoutError if none is ready within `timeout` seconds; with 0, at once.
#[pyfunction]
#[pyo3(signature = (*cases, timeout=-1.0))]
pub fn select(
    py: Python<'_>,
    cases: &Bound<'_, PyTuple>,
    timeout: f64,
) -> PyResult<(usize, Option<Message>)> {
    if cases.is_empty() {
        return Err(PyValueError::new_err("select() needs a case"));
    }
    let cases = cases
        .iter()
        .map(|case| decode(py, &case))
        .collect::<PyResult<Vec<Case>>>()?;
    let cases = Mutex::new(cases);
    let (chosen, outcome) = wait(py, timeout, |slice| {
        let mut cases = cases.lock();
        let (chosen, result) = try_select(&mut cases, slice);
        match result {
            Err(error) if error.is_no_row_yet() => Ok(None),
            Err(error) if chosen == cases.len() => Err(error),
            Ok(()) if cases[chosen].send.is_none() => {
                // SAFETY: the core just filled the view.
                Ok(Some((
                    chosen,
                    Ok(Some(unsafe { Rows::copy(&cases[chosen].view) })),
                )))
            }
            Err(error) if error.is_closed() && cases[chosen].send.is_none() => {
                Ok(Some((chosen, Ok(None))))
            }
            result => Ok(Some((chosen, result.map(|()| None)))),
        }
    })?;
    let rows: Option<Arc<Rows>> = outcome.map_err(|error| raise(py, &error))?;
    Ok((chosen, rows.map(|rows| Message::received(rows, 0))))
}

fn decode(py: Python<'_>, case: &Bound<'_, PyAny>) -> PyResult<Case> {
    let (chan, send) = match case.cast::<PyTuple>() {
        Ok(pair) if pair.len() == 2 => (
            pair.get_item(0)?,
            Some(Outgoing::of(py, Some(&pair.get_item(1)?), None, None)?),
        ),
        _ => (case.clone(), None),
    };
    let chan = chan.cast::<Channel>().map_err(|_| {
        PyTypeError::new_err("a case is a Channel to receive from, or (Channel, value) to send")
    })?;
    chan.get().birth.check("Channel")?;
    Ok(Case {
        chan: chan.get().chan,
        send,
        batch: std::ptr::null_mut(),
        view: krs_batch_view::new(),
    })
}

fn try_select(cases: &mut [Case], timeout_ms: i32) -> (usize, Result<()>) {
    let messages: Vec<Option<krs_message>> = cases
        .iter()
        .map(|case| case.send.as_ref().map(Outgoing::message))
        .collect();
    let encoded: Vec<krs_case> = cases
        .iter_mut()
        .zip(&messages)
        .map(|(case, message)| {
            let mut encoded = krs_case::new();
            encoded.chan = case.chan;
            encoded.delivered = ffi::KRS_ALL;
            encoded.max = 1;
            match message {
                Some(message) => {
                    encoded.op = ffi::KRS_CASE_SEND;
                    encoded.message = message;
                }
                None => {
                    encoded.op = ffi::KRS_CASE_RECV;
                    encoded.batch = &mut case.batch;
                    encoded.view = &mut case.view;
                }
            }
            encoded
        })
        .collect();
    let mut chosen = encoded.len();
    let (place, count) = (encoded.as_ptr(), encoded.len());
    // SAFETY: messages, batches and views are alive, and used by this call only.
    let result =
        call(|err| unsafe { ffi::krs_chan_select(place, count, timeout_ms, &mut chosen, err) });
    (chosen, result)
}
