//! What an asyncio loop is to call for futures that are done. asyncio schedules each callback of each future by itself,
//! which costs more than the message; here it has one call to make for all that are due.

use std::collections::VecDeque;

use parking_lot::Mutex;
use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::error::kafka_exception;
use crate::future::{Callback, DeliveryFuture, Outcome};
use crate::message::Message;

pub type Due = (Py<DeliveryFuture>, Callback);

#[derive(Default)]
struct Queue {
    due: VecDeque<Due>,
    /// The loop has been told to call.
    is_scheduled: bool,
}

/// The callbacks that are due on a loop, in order.
#[pyclass(frozen)]
pub struct LoopCalls {
    event_loop: Py<PyAny>,
    queue: Mutex<Queue>,
}

impl LoopCalls {
    pub fn event_loop(&self, py: Python<'_>) -> Py<PyAny> {
        self.event_loop.clone_ref(py)
    }

    /// Has the loop call these, after those that are due.
    pub fn call_soon(slf: &Bound<'_, Self>, more: impl Iterator<Item = Due>) -> PyResult<()> {
        slf.get().queue.lock().due.extend(more);
        Self::schedule(slf)
    }

    /// Has the loop call what is due, unless it will.
    fn schedule(slf: &Bound<'_, Self>) -> PyResult<()> {
        let queue = slf.get().queue.lock();
        if queue.is_scheduled || queue.due.is_empty() {
            return Ok(());
        }
        drop(queue);
        let event_loop = slf.get().event_loop.bind(slf.py());
        event_loop.call_method1(intern!(slf.py(), "call_soon"), (slf,))?;
        slf.get().queue.lock().is_scheduled = true;
        Ok(())
    }

    fn next(&self) -> Option<Due> {
        self.queue.lock().due.pop_front()
    }

    /// Calls back. What that raises goes where the exceptions of the loop's own callbacks go.
    fn call(&self, py: Python<'_>, (future, callback): Due) -> PyResult<()> {
        let arguments = (&callback.function, future);
        let run = intern!(py, "run");
        let Err(raised) = callback.context.call_method1(py, run, arguments) else {
            return Ok(());
        };
        let ends_the_loop = raised.is_instance_of::<PyKeyboardInterrupt>(py)
            || raised.is_instance_of::<PySystemExit>(py);
        if ends_the_loop {
            return Err(raised);
        }
        let what = format!(
            "Exception in callback {}",
            callback.function.bind(py).repr()?
        );
        tell(self.event_loop.bind(py), &what, raised.value(py))
    }
}

#[pymethods]
impl LoopCalls {
    #[new]
    fn new(event_loop: Py<PyAny>) -> Self {
        Self {
            event_loop,
            queue: Mutex::default(),
        }
    }

    /// Called by the loop, for what is due now.
    fn __call__(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        let count = {
            let mut queue = this.queue.lock();
            queue.is_scheduled = false;
            queue.due.len()
        };
        for _ in 0..count {
            let Some(due) = this.next() else { break };
            // Another call for the rest, should this one raise, or run the loop itself.
            Self::schedule(slf)?;
            this.call(slf.py(), due)?;
        }
        Ok(())
    }

    /// Gives futures their reports. Those before one that fails have theirs.
    fn settle(
        slf: &Bound<'_, Self>,
        futures: &Bound<'_, PyList>,
        reports: &Bound<'_, PyList>,
    ) -> PyResult<()> {
        let mut due = Vec::with_capacity(futures.len());
        let settled = futures
            .iter()
            .zip(reports.iter())
            .try_for_each(|(future, report)| settle(&future, &report, &mut due));
        Self::call_soon(slf, due.into_iter())?;
        settled
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.event_loop)?;
        let Some(queue) = self.queue.try_lock() else {
            return Ok(());
        };
        for (future, callback) in &queue.due {
            visit.call(future)?;
            callback.traverse(&visit)?;
        }
        Ok(())
    }
}

fn settle(
    future: &Bound<'_, PyAny>,
    report: &Bound<'_, PyAny>,
    due: &mut Vec<Due>,
) -> PyResult<()> {
    let py = future.py();
    let future = future.cast::<DeliveryFuture>()?;
    let error = report.cast::<Message>()?.get().error(py)?;
    let outcome = if error.is_none(py) {
        Outcome::Result(report.clone().unbind())
    } else {
        Outcome::exception(py, kafka_exception(py, error)?)?
    };
    let callbacks = DeliveryFuture::complete(future, outcome).unwrap_or_default();
    due.extend(
        callbacks
            .into_iter()
            .map(|callback| (future.clone().unbind(), callback)),
    );
    Ok(())
}

/// Tells the loop's handler of exceptions.
pub fn tell(
    event_loop: &Bound<'_, PyAny>,
    what: &str,
    exception: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let py = event_loop.py();
    let context = PyDict::new(py);
    context.set_item("message", what)?;
    context.set_item("exception", exception)?;
    event_loop
        .call_method1(intern!(py, "call_exception_handler"), (context,))
        .map(drop)
}
