//! Log lines on their way to Python.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pyo3::intern;
use pyo3::prelude::*;

use crate::ffi::krs_chan;
use crate::reader::Reader;
use crate::rows::Rows;

/// How often log lines are looked for.
const LOG_EVERY: Duration = Duration::from_millis(50);

/// A client's channel with log lines.
pub struct Logs {
    lines: Reader,
    read: Instant,
}

impl Logs {
    pub fn new(chan: krs_chan) -> Self {
        Self {
            lines: Reader::new(chan),
            read: Instant::now(),
        }
    }

    /// The lines that are there, if it is time to look.
    pub fn take_due(&mut self) -> Option<Arc<Rows>> {
        if self.read.elapsed() < LOG_EVERY {
            return None;
        }
        self.read = Instant::now();
        self.take()
    }

    /// The lines that are there.
    pub fn take(&mut self) -> Option<Arc<Rows>> {
        let there = matches!(self.lines.receive(1000, 0), Ok(true));
        there
            .then(|| self.lines.take_run(usize::MAX, |_, _| true))
            .flatten()
            .map(|(rows, _)| rows)
    }
}

/// Gives log lines to the method `_log(level, facility, text, dropped)`.
pub fn give_lines(target: &Bound<'_, PyAny>, lines: Option<Arc<Rows>>) -> PyResult<()> {
    let Some(lines) = lines else { return Ok(()) };
    let py = target.py();
    for row in 0..lines.len() {
        let facility = String::from_utf8_lossy(lines.key.get(row).unwrap_or_default());
        let text = String::from_utf8_lossy(lines.value.get(row).unwrap_or_default());
        target.call_method1(
            intern!(py, "_log"),
            (lines.code[row], facility, text, lines.opaque[row]),
        )?;
    }
    Ok(())
}
