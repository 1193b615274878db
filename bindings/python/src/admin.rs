//! Making and deleting topics. Python calls these on threads of its own, and passes the client's number.
#![allow(unsafe_code, reason = "calls the C surface")]

use std::ffi::CString;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::conf::c_string;
use crate::error::Result;
use crate::ffi::{self, krs_client, krs_new_topic};
use crate::partitions::{answer, tuples};
use crate::rows::Rows;
use crate::wait::Deadline;

/// Name, partitions, replicas, configuration as keys and values in turn, and the brokers of one partition after the other.
type Topic = (String, i32, i32, Vec<String>, Vec<i32>);

fn texts(what: &str, texts: &[String]) -> PyResult<Vec<CString>> {
    texts.iter().map(|text| c_string(what, text)).collect()
}

fn told<'py>(
    py: Python<'py>,
    rows: Result<std::sync::Arc<Rows>>,
) -> PyResult<Vec<Bound<'py, PyTuple>>> {
    tuples(py, &*rows.map_err(|error| error.raise_of_client(py))?)
}

/// Makes topics, or (`enlarge`) gives them more partitions.
#[pyfunction]
pub fn admin_topics<'py>(
    py: Python<'py>,
    client: u64,
    enlarge: bool,
    topics: Vec<Topic>,
    validate_only: bool,
    timeout: f64,
) -> PyResult<Vec<Bound<'py, PyTuple>>> {
    let ms = Deadline::after(timeout).all_ms();
    let names = topics
        .iter()
        .map(|topic| c_string("a topic", &topic.0))
        .collect::<PyResult<Vec<CString>>>()?;
    let configs = topics
        .iter()
        .map(|topic| texts("a setting", &topic.3))
        .collect::<PyResult<Vec<_>>>()?;
    let rows = py.detach(|| {
        let pointers: Vec<Vec<_>> = configs
            .iter()
            .map(|config| config.iter().map(|text| text.as_ptr()).collect())
            .collect();
        let encoded: Vec<krs_new_topic> = topics
            .iter()
            .enumerate()
            .map(|(index, topic)| {
                let mut new = krs_new_topic::new();
                new.partitions = topic.1;
                new.replication = topic.2;
                new.name = names[index].as_ptr();
                new.config = pointers[index].as_ptr();
                new.config_count = pointers[index].len();
                new.replicas = topic.4.as_ptr();
                new.replica_count = topic.4.len();
                new
            })
            .collect();
        let make = if enlarge {
            ffi::krs_admin_create_partitions
        } else {
            ffi::krs_admin_create_topics
        };
        let client = krs_client { id: client };
        let (place, count) = (encoded.as_ptr(), encoded.len());
        // SAFETY: all texts are alive; `answer` gives places for batch and view.
        answer(|batch, view, err| unsafe {
            make(
                client,
                place,
                count,
                validate_only.into(),
                ms,
                batch,
                view,
                err,
            )
        })
    });
    told(py, rows)
}

/// Deletes topics.
#[pyfunction]
pub fn admin_delete_topics<'py>(
    py: Python<'py>,
    client: u64,
    topics: Vec<String>,
    timeout: f64,
) -> PyResult<Vec<Bound<'py, PyTuple>>> {
    let ms = Deadline::after(timeout).all_ms();
    let names = texts("a topic", &topics)?;
    let rows = py.detach(|| {
        let pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        let client = krs_client { id: client };
        let (place, count) = (pointers.as_ptr(), pointers.len());
        // SAFETY: all texts are alive; `answer` gives places for batch and view.
        answer(|batch, view, err| unsafe {
            ffi::krs_admin_delete_topics(client, place, count, ms, batch, view, err)
        })
    });
    told(py, rows)
}
