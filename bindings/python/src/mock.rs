//! The mock cluster.
#![allow(unsafe_code, reason = "calls the C surface")]

use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::conf::{c_string, read_text};
use crate::error::call;
use crate::ffi::{self, krs_mock};
use crate::fork::Birth;

#[pyclass(frozen, subclass, module = "kafka_rs._native")]
pub struct MockCore {
    mock: Mutex<Option<krs_mock>>,
    birth: Birth,
}

impl MockCore {
    fn get(&self) -> PyResult<krs_mock> {
        self.birth.check("mock cluster")?;
        self.mock
            .lock()
            .ok_or_else(|| PyRuntimeError::new_err("the mock cluster has been closed"))
    }

    fn set_up(&self, py: Python<'_>, broker: i32, up: bool) -> PyResult<()> {
        let mock = self.get()?;
        py.detach(|| {
            // SAFETY: takes any handle.
            call(|err| unsafe { ffi::krs_mock_set_broker_up(mock, broker, up.into(), err) })
        })
        .map_err(|error| error.raise(py))
    }
}

#[pymethods]
impl MockCore {
    #[new]
    #[pyo3(signature = (brokers=1))]
    fn new(py: Python<'_>, brokers: u32) -> PyResult<Self> {
        let mut mock = krs_mock::default();
        // SAFETY: a place for the result.
        py.detach(|| call(|err| unsafe { ffi::krs_mock_open(brokers, &mut mock, err) }))
            .map_err(|error| error.raise(py))?;
        Ok(Self {
            mock: Mutex::new(Some(mock)),
            birth: Birth::now(),
        })
    }

    /// Makes a topic.
    #[pyo3(signature = (name, partitions=1, replication_factor=1))]
    fn create_topic(
        &self,
        py: Python<'_>,
        name: &str,
        partitions: i32,
        replication_factor: i32,
    ) -> PyResult<()> {
        let mock = self.get()?;
        let name = c_string("a topic", name)?;
        let name = name.as_c_str();
        py.detach(|| {
            // SAFETY: the name is alive.
            call(|err| unsafe {
                ffi::krs_mock_topic(mock, name.as_ptr(), partitions, replication_factor, err)
            })
        })
        .map_err(|error| error.raise(py))
    }

    /// Takes a broker away, as if it had died. Brokers are numbered from 1.
    fn set_broker_down(&self, py: Python<'_>, broker: i32) -> PyResult<()> {
        self.set_up(py, broker, false)
    }

    /// Brings a broker back, with what it kept.
    fn set_broker_up(&self, py: Python<'_>, broker: i32) -> PyResult<()> {
        self.set_up(py, broker, true)
    }

    /// Has a broker answer so many seconds later from now on.
    fn set_broker_delay(&self, py: Python<'_>, broker: i32, seconds: f64) -> PyResult<()> {
        let mock = self.get()?;
        let ms = (seconds * 1000.0) as i32;
        // SAFETY: takes any handle.
        py.detach(|| call(|err| unsafe { ffi::krs_mock_set_broker_delay(mock, broker, ms, err) }))
            .map_err(|error| error.raise(py))
    }

    /// The value for `bootstrap.servers`.
    fn bootstrap_servers(&self, py: Python<'_>) -> PyResult<String> {
        let mock = self.get()?;
        // SAFETY: the buffer has its capacity.
        read_text(|buffer, capacity, len, err| unsafe {
            ffi::krs_mock_bootstrap(mock, buffer, capacity, len, err)
        })
        .map_err(|error| error.raise(py))
    }

    /// Stops the cluster. Closing again does nothing.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.birth.check("mock cluster")?;
        let Some(mock) = self.mock.lock().take() else {
            return Ok(());
        };
        // SAFETY: takes any handle.
        py.detach(|| call(|err| unsafe { ffi::krs_mock_close(mock, err) }))
            .map_err(|error| error.raise(py))
    }
}

impl Drop for MockCore {
    fn drop(&mut self) {
        if self.birth.is_here()
            && let Some(mock) = self.mock.get_mut().take()
        {
            // SAFETY: takes any handle.
            let _ = call(|err| unsafe { ffi::krs_mock_close(mock, err) });
        }
    }
}
