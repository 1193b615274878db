//! `Message`: a row of shared memory, or values of its own once the program sets one.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use pyo3::basic::CompareOp;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple, PyType};

use crate::error::kafka_error;
use crate::ffi;
use crate::rows::Rows;

/// What the program gave, or set.
struct Own {
    topic: Py<PyAny>,
    partition: Py<PyAny>,
    offset: Py<PyAny>,
    key: Py<PyAny>,
    value: Py<PyAny>,
    headers: Py<PyAny>,
    error: Py<PyAny>,
    timestamp: Py<PyAny>,
    latency: Py<PyAny>,
    leader_epoch: Py<PyAny>,
}

/// A message that was received, or whose delivery is reported.
#[pyclass(frozen, subclass, module = "kafka_rs.cimpl", weakref, freelist = 128)]
pub struct Message {
    rows: Option<Arc<Rows>>,
    row: usize,
    /// Seconds between produce and report.
    latency: Option<f64>,
    /// A report says nothing of headers.
    is_report: bool,
    own: OnceLock<Box<Mutex<Own>>>,
}

impl Message {
    #[inline]
    pub fn received(rows: Arc<Rows>, row: usize) -> Self {
        Self {
            rows: Some(rows),
            row,
            latency: None,
            is_report: false,
            own: OnceLock::new(),
        }
    }

    pub fn reported(rows: Arc<Rows>, row: usize, latency: Option<f64>) -> Self {
        Self {
            latency,
            is_report: true,
            ..Self::received(rows, row)
        }
    }

    /// The row, as long as nothing was set.
    #[inline]
    fn row(&self) -> Option<(&Rows, usize)> {
        match (&self.rows, self.own.get()) {
            (Some(rows), None) => Some((rows, self.row)),
            _ => None,
        }
    }

    fn get(&self, py: Python<'_>, field: impl Fn(&Own) -> &Py<PyAny>) -> Py<PyAny> {
        self.own
            .get()
            .map_or_else(|| py.None(), |own| field(&own.lock()).clone_ref(py))
    }

    fn set(
        &self,
        py: Python<'_>,
        field: impl Fn(&mut Own) -> &mut Py<PyAny>,
        value: Bound<'_, PyAny>,
    ) -> PyResult<()> {
        if self.own.get().is_none() {
            let own = Own {
                topic: self.topic(py)?,
                partition: self.partition(py)?,
                offset: self.offset(py)?,
                key: self.key(py)?,
                value: self.value(py)?,
                headers: self.headers(py)?,
                error: self.error(py)?,
                timestamp: self.timestamp(py)?,
                latency: self.latency(py)?,
                leader_epoch: self.leader_epoch(py)?,
            };
            // Another thread may have been faster; its values are the same.
            let _ = self.own.set(Box::new(Mutex::new(own)));
        }
        if let Some(own) = self.own.get() {
            let old = std::mem::replace(field(&mut own.lock()), value.unbind());
            drop(old);
        }
        Ok(())
    }

    fn all<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(
            py,
            [
                self.topic(py)?,
                self.partition(py)?,
                self.offset(py)?,
                self.key(py)?,
                self.value(py)?,
                self.headers(py)?,
                self.error(py)?,
                self.timestamp(py)?,
                self.latency(py)?,
                self.leader_epoch(py)?,
            ],
        )
    }

    /// Where the row is, for a commit.
    pub fn place(&self, py: Python<'_>) -> PyResult<(Py<PyAny>, Py<PyAny>, Py<PyAny>)> {
        Ok((self.topic(py)?, self.partition(py)?, self.offset(py)?))
    }
}

#[inline]
fn bytes(py: Python<'_>, value: Option<&[u8]>) -> Py<PyAny> {
    value.map_or_else(
        || py.None(),
        |bytes| PyBytes::new(py, bytes).into_any().unbind(),
    )
}

fn number(py: Python<'_>, value: i64, none: i64) -> PyResult<Py<PyAny>> {
    if value == none {
        return Ok(py.None());
    }
    Ok(value.into_pyobject(py)?.into_any().unbind())
}

#[pymethods]
impl Message {
    #[new]
    #[pyo3(signature = (topic=None, partition=None, offset=None, key=None, value=None, headers=None, error=None, timestamp=None, latency=None, leader_epoch=None))]
    #[allow(
        clippy::too_many_arguments,
        reason = "the constructor that programs know"
    )]
    fn new(
        py: Python<'_>,
        topic: Option<Py<PyAny>>,
        partition: Option<Py<PyAny>>,
        offset: Option<Py<PyAny>>,
        key: Option<Py<PyAny>>,
        value: Option<Py<PyAny>>,
        headers: Option<Py<PyAny>>,
        error: Option<Py<PyAny>>,
        timestamp: Option<Py<PyAny>>,
        latency: Option<Py<PyAny>>,
        leader_epoch: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let or_none = |value: Option<Py<PyAny>>| value.unwrap_or_else(|| py.None());
        let timestamp = match timestamp {
            Some(timestamp) => timestamp,
            None => (0, 0).into_pyobject(py)?.into_any().unbind(),
        };
        let own = Own {
            topic: or_none(topic),
            partition: or_none(partition),
            offset: or_none(offset),
            key: or_none(key),
            value: or_none(value),
            headers: or_none(headers),
            error: or_none(error),
            timestamp,
            latency: or_none(latency),
            leader_epoch: or_none(leader_epoch),
        };
        Ok(Self {
            rows: None,
            row: 0,
            latency: None,
            is_report: false,
            own: OnceLock::from(Box::new(Mutex::new(own))),
        })
    }

    /// The topic's name.
    #[inline]
    fn topic(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let Some((rows, row)) = self.row() else {
            return Ok(self.get(py, |own| &own.topic));
        };
        let name = rows.topic_name(py, row);
        Ok(name.map_or_else(|| py.None(), |name| name.clone().into_any().unbind()))
    }

    /// The partition's number.
    #[inline]
    fn partition(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self.row() {
            Some((rows, row)) => number(py, rows.partition[row].into(), -1),
            None => Ok(self.get(py, |own| &own.partition)),
        }
    }

    /// The offset.
    #[inline]
    fn offset(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self.row() {
            Some((rows, row)) => number(py, rows.offset[row], -1001),
            None => Ok(self.get(py, |own| &own.offset)),
        }
    }

    /// The key, or None.
    #[inline]
    fn key(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self.row() {
            Some((rows, row)) => Ok(bytes(py, rows.key.get(row))),
            None => Ok(self.get(py, |own| &own.key)),
        }
    }

    /// The value, or None. Of an error, its text.
    #[inline]
    fn value(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let Some((rows, row)) = self.row() else {
            return Ok(self.get(py, |own| &own.value));
        };
        let value = rows.value.get(row);
        if value.is_none() && rows.kind[row] == ffi::KRS_EVENT_PARTITION_EOF {
            let text = crate::error::error_text(rows.code[row]);
            return Ok(PyBytes::new(py, text.as_bytes()).into_any().unbind());
        }
        Ok(bytes(py, value))
    }

    /// The headers, a list of (key, value), or None if there are none.
    fn headers(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let Some((rows, row)) = self.row() else {
            return Ok(self.get(py, |own| &own.headers));
        };
        let range = rows.headers(row);
        if range.is_empty() || self.is_report {
            return Ok(py.None());
        }
        let list = PyList::empty(py);
        for header in range {
            let key = String::from_utf8_lossy(rows.header_key.get(header).unwrap_or_default());
            let value = bytes(py, rows.header_value.get(header));
            list.append((PyString::new(py, &key), value))?;
        }
        Ok(list.into_any().unbind())
    }

    /// None for a message, else what happened.
    #[inline]
    pub fn error(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let Some((rows, row)) = self.row() else {
            return Ok(self.get(py, |own| &own.error));
        };
        if rows.code[row] == 0 {
            return Ok(py.None());
        }
        let text = (!self.is_report).then(|| rows.text(row)).flatten();
        let fatal = if rows.flags[row] & ffi::KRS_ROW_FATAL != 0 {
            ffi::KRS_ERROR_FATAL
        } else {
            0
        };
        kafka_error(py, rows.code[row], text.as_deref(), fatal)
    }

    /// (type, milliseconds since the epoch); the type is TIMESTAMP_NOT_AVAILABLE if there is none.
    fn timestamp(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let Some((rows, row)) = self.row() else {
            return Ok(self.get(py, |own| &own.timestamp));
        };
        let kind = rows.timestamp_type[row];
        let time = rows.timestamp[row];
        Ok((kind, time).into_pyobject(py)?.into_any().unbind())
    }

    /// Seconds from produce() to the report, in a delivery report.
    fn latency(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match (self.row(), self.latency) {
            (None, _) => Ok(self.get(py, |own| &own.latency)),
            (Some(_), Some(seconds)) => Ok(seconds.into_pyobject(py)?.into_any().unbind()),
            (Some(_), None) => Ok(py.None()),
        }
    }

    /// The leader epoch, or None.
    fn leader_epoch(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self.row() {
            Some((rows, row)) => number(py, rows.leader_epoch[row].into(), -1),
            None => Ok(self.get(py, |own| &own.leader_epoch)),
        }
    }

    fn set_topic(&self, py: Python<'_>, value: Bound<'_, PyAny>) -> PyResult<()> {
        self.set(py, |own| &mut own.topic, value)
    }

    /// Sets what headers() gives.
    fn set_headers(&self, py: Python<'_>, value: Bound<'_, PyAny>) -> PyResult<()> {
        self.set(py, |own| &mut own.headers, value)
    }

    /// Sets what key() gives, to any object.
    fn set_key(&self, py: Python<'_>, value: Bound<'_, PyAny>) -> PyResult<()> {
        self.set(py, |own| &mut own.key, value)
    }

    /// Sets what value() gives, to any object.
    fn set_value(&self, py: Python<'_>, value: Bound<'_, PyAny>) -> PyResult<()> {
        self.set(py, |own| &mut own.value, value)
    }

    fn set_error(&self, py: Python<'_>, value: Bound<'_, PyAny>) -> PyResult<()> {
        self.set(py, |own| &mut own.error, value)
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        if let Some((rows, row)) = self.row() {
            return Ok(rows.value.get(row).map_or(0, <[u8]>::len));
        }
        let value = self.value(py)?.into_bound(py);
        if value.is_none() { Ok(0) } else { value.len() }
    }

    fn __richcmp__<'py>(
        &self,
        py: Python<'py>,
        other: &Bound<'py, PyAny>,
        op: CompareOp,
    ) -> PyResult<Py<PyAny>> {
        let Ok(other) = other.cast::<Self>() else {
            return Ok(py.NotImplemented());
        };
        match op {
            CompareOp::Eq | CompareOp::Ne => {
                let equal = self.all(py)?.eq(other.get().all(py)?)?;
                let answer = equal == matches!(op, CompareOp::Eq);
                Ok(answer.into_pyobject(py)?.to_owned().into_any().unbind())
            }
            _ => Err(PyTypeError::new_err("messages have no order")),
        }
    }

    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> PyResult<(Bound<'py, PyType>, Bound<'py, PyTuple>)> {
        Ok((slf.get_type(), slf.get().all(slf.py())?))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let show =
            |value: Py<PyAny>| -> PyResult<String> { Ok(value.bind(py).repr()?.to_string()) };
        Ok(format!(
            "<Message topic={} partition={} offset={} error={}>",
            show(self.topic(py)?)?,
            show(self.partition(py)?)?,
            show(self.offset(py)?)?,
            show(self.error(py)?)?
        ))
    }
}
