//! `DeliveryFuture`: what `asyncio.Future` is, for the report of a message.

use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use pyo3::exceptions::asyncio::{CancelledError, InvalidStateError};
use pyo3::exceptions::{PyBaseException, PyRuntimeError, PyStopIteration, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use pyo3::{ffi, intern};
use smallvec::{SmallVec, smallvec};

use crate::collector::Looks;
use crate::loop_calls::{LoopCalls, tell};

#[derive(Default)]
pub enum Outcome {
    #[default]
    Pending,
    Cancelled(Option<Py<PyAny>>),
    Exception {
        exception: Py<PyAny>,
        /// What it had; each time that it is raised would add to it.
        traceback: Py<PyAny>,
    },
    Result(Py<PyAny>),
}

impl Outcome {
    pub fn exception(py: Python<'_>, exception: Py<PyAny>) -> PyResult<Self> {
        let traceback = exception.getattr(py, intern!(py, "__traceback__"))?;
        Ok(Self::Exception {
            exception,
            traceback,
        })
    }
}

/// An exception, and the traceback that it had.
type Raised = (Py<PyAny>, Py<PyAny>);

/// What is called when a future is done, and in which context.
pub struct Callback {
    pub function: Py<PyAny>,
    pub context: Py<PyAny>,
}

impl Callback {
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.function)?;
        visit.call(&self.context)
    }
}

/// Most often there is one.
pub type Callbacks = SmallVec<[Callback; 1]>;

#[derive(Default)]
struct State {
    outcome: Outcome,
    callbacks: Callbacks,
}

impl State {
    fn is_pending(&self) -> bool {
        matches!(self.outcome, Outcome::Pending)
    }
}

/// The future of a report, on the loop of its AIOProducer: its result is the Message, or it raises KafkaException.
///
/// It is used as an `asyncio.Future` is: awaited, gathered, waited for with a time, shielded. Cancelling it does not
/// take the message back. It belongs to the thread of its loop, which calls together what waits for those that are done.
///
/// >>> report = await producer.produce("orders", b"42")
/// >>> (await report).offset()
/// 17
#[pyclass(frozen, weakref, module = "kafka_rs.aio")]
pub struct DeliveryFuture {
    calls: Py<LoopCalls>,
    /// A task is about to wait: see PEP 3156 and `asyncio.isfuture`.
    blocking: AtomicBool,
    /// Nobody has seen the exception yet.
    untold: AtomicBool,
    /// Only while it may be in a cycle: what waits for it, or the frames of an exception, may refer to it.
    collector: Looks,
    state: Mutex<State>,
}

fn copy_context(py: Python<'_>) -> PyResult<Py<PyAny>> {
    static FUNCTION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let function = FUNCTION.get_or_try_init(py, || {
        Ok::<_, PyErr>(py.import("contextvars")?.getattr("copy_context")?.unbind())
    })?;
    function.call0(py)
}

impl DeliveryFuture {
    pub fn of(calls: &Bound<'_, LoopCalls>) -> Self {
        Self {
            calls: calls.clone().unbind(),
            blocking: AtomicBool::new(false),
            untold: AtomicBool::new(false),
            collector: Looks::default(),
            state: Mutex::default(),
        }
    }

    /// One that nobody waits for yet.
    pub fn new_one<'py>(calls: &Bound<'py, LoopCalls>) -> PyResult<Bound<'py, Self>> {
        let future = Bound::new(calls.py(), Self::of(calls))?;
        future.get().collector.set(&future, false);
        Ok(future)
    }

    /// Gives it its outcome, and back who waits for that; `None` if it had one.
    pub fn complete(slf: &Bound<'_, Self>, outcome: Outcome) -> Option<Callbacks> {
        let this = slf.get();
        let is_exception = matches!(outcome, Outcome::Exception { .. });
        let callbacks = {
            let mut state = this.state.lock();
            if !state.is_pending() {
                return None;
            }
            state.outcome = outcome;
            std::mem::take(&mut state.callbacks)
        };
        this.untold.store(is_exception, Ordering::Relaxed);
        this.collector.set(slf, is_exception);
        Some(callbacks)
    }

    /// As `complete`, and the loop calls who waits for it.
    fn finish(slf: &Bound<'_, Self>, outcome: Outcome) -> PyResult<bool> {
        let Some(callbacks) = Self::complete(slf, outcome) else {
            return Ok(false);
        };
        Self::call_soon(slf, callbacks)?;
        Ok(true)
    }

    fn call_soon(slf: &Bound<'_, Self>, callbacks: Callbacks) -> PyResult<()> {
        let due = callbacks
            .into_iter()
            .map(|callback| (slf.clone().unbind(), callback));
        LoopCalls::call_soon(slf.get().calls.bind(slf.py()), due)
    }

    fn cancelled_error(&self, py: Python<'_>) -> PyErr {
        let message = match &self.state.lock().outcome {
            Outcome::Cancelled(Some(message)) => Some(message.clone_ref(py)),
            _ => None,
        };
        match message {
            Some(message) => CancelledError::new_err((message,)),
            None => CancelledError::new_err(()),
        }
    }

    /// The result or the exception, which nobody need be told of any more; an error if there is neither.
    fn outcome(
        &self,
        py: Python<'_>,
        missing: &'static str,
    ) -> PyResult<Result<Py<PyAny>, Raised>> {
        match &self.state.lock().outcome {
            Outcome::Pending => return Err(InvalidStateError::new_err(missing)),
            Outcome::Exception {
                exception,
                traceback,
            } => {
                self.untold.store(false, Ordering::Relaxed);
                let raised = (exception.clone_ref(py), traceback.clone_ref(py));
                return Ok(Err(raised));
            }
            Outcome::Result(result) => return Ok(Ok(result.clone_ref(py))),
            Outcome::Cancelled(_) => {}
        }
        Err(self.cancelled_error(py))
    }
}

fn already_done() -> PyErr {
    InvalidStateError::new_err("the future is done already")
}

#[pymethods]
impl DeliveryFuture {
    #[new]
    fn new(calls: &Bound<'_, LoopCalls>) -> Self {
        Self::of(calls)
    }

    /// Whether there is a result, or an exception, or it was cancelled.
    fn done(&self) -> bool {
        !self.state.lock().is_pending()
    }

    /// Whether it was cancelled.
    fn cancelled(&self) -> bool {
        matches!(self.state.lock().outcome, Outcome::Cancelled(_))
    }

    /// The report; raises the exception if there is one, CancelledError, or InvalidStateError before it is done.
    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self.outcome(py, "Result is not set.")? {
            Ok(result) => Ok(result),
            Err((exception, traceback)) => {
                let with = intern!(py, "with_traceback");
                let raised = exception.bind(py).call_method1(with, (traceback,))?;
                Err(PyErr::from_value(raised))
            }
        }
    }

    /// The exception, or None; raises CancelledError, or InvalidStateError before it is done.
    fn exception(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let outcome = self.outcome(py, "Exception is not set.")?;
        Ok(outcome.err().map(|(exception, _)| exception))
    }

    /// Calls ``callback(future)`` soon after it is done.
    #[pyo3(signature = (callback, /, *, context=None))]
    fn add_done_callback(
        slf: &Bound<'_, Self>,
        callback: Py<PyAny>,
        context: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let context = match context {
            Some(context) => context,
            None => copy_context(slf.py())?,
        };
        let callback = Callback {
            function: callback,
            context,
        };
        let mut state = slf.get().state.lock();
        if state.is_pending() {
            state.callbacks.push(callback);
            drop(state);
            slf.get().collector.set(slf, true);
            return Ok(());
        }
        drop(state);
        Self::call_soon(slf, smallvec![callback])
    }

    /// Calls it no more; returns how many times it would have been.
    fn remove_done_callback(&self, py: Python<'_>, callback: &Bound<'_, PyAny>) -> PyResult<usize> {
        // To compare and to drop may run any code, so neither is done under the lock.
        let functions: Vec<Py<PyAny>> = {
            let state = self.state.lock();
            let functions = state.callbacks.iter().map(|other| &other.function);
            functions.map(|function| function.clone_ref(py)).collect()
        };
        let mut same = Vec::new();
        for function in functions {
            if callback.eq(function.bind(py))? {
                same.push(function);
            }
        }
        let removed: Vec<Callback> = {
            let mut state = self.state.lock();
            let all = std::mem::take(&mut state.callbacks);
            let (removed, kept): (Vec<_>, Vec<_>) = all
                .into_iter()
                .partition(|other| same.iter().any(|same| same.is(&other.function)));
            state.callbacks = kept.into();
            removed
        };
        Ok(removed.len())
    }

    /// Gives up waiting. The message stays where it is. Returns False if it is done.
    #[pyo3(signature = (msg=None))]
    fn cancel(slf: &Bound<'_, Self>, msg: Option<Py<PyAny>>) -> PyResult<bool> {
        slf.get().untold.store(false, Ordering::Relaxed);
        Self::finish(slf, Outcome::Cancelled(msg))
    }

    /// Done by the producer.
    fn set_result(slf: &Bound<'_, Self>, result: Py<PyAny>) -> PyResult<()> {
        Self::finish(slf, Outcome::Result(result))?
            .then_some(())
            .ok_or_else(already_done)?;
        slf.get().collector.set(slf, true);
        Ok(())
    }

    /// Done by the producer.
    fn set_exception(slf: &Bound<'_, Self>, exception: Bound<'_, PyAny>) -> PyResult<()> {
        let exception = match exception.cast::<PyType>() {
            Ok(class) => class.call0()?,
            Err(_) => exception,
        };
        if !exception.is_instance_of::<PyBaseException>() {
            return Err(PyTypeError::new_err("invalid exception object"));
        }
        if exception.is_instance_of::<PyStopIteration>() {
            return Err(PyTypeError::new_err(
                "StopIteration cannot be raised into a future",
            ));
        }
        Self::finish(slf, Outcome::exception(slf.py(), exception.unbind())?)?
            .then_some(())
            .ok_or_else(already_done)
    }

    /// The loop that it belongs to.
    fn get_loop(&self, py: Python<'_>) -> Py<PyAny> {
        self.calls.get().event_loop(py)
    }

    #[getter(_asyncio_future_blocking)]
    fn get_blocking(&self) -> bool {
        self.blocking.load(Ordering::Relaxed)
    }

    #[setter(_asyncio_future_blocking)]
    fn set_blocking(&self, blocking: bool) {
        self.blocking.store(blocking, Ordering::Relaxed);
    }

    #[getter(_cancel_message)]
    fn cancel_message(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        match &self.state.lock().outcome {
            Outcome::Cancelled(message) => message.as_ref().map(|message| message.clone_ref(py)),
            _ => None,
        }
    }

    fn _make_cancelled_error(&self, py: Python<'_>) -> Py<PyAny> {
        self.cancelled_error(py).into_value(py).into_any()
    }

    fn __await__(slf: Py<Self>) -> Waiter {
        Waiter {
            future: slf,
            has_waited: AtomicBool::new(false),
        }
    }

    fn __iter__(slf: Py<Self>) -> Waiter {
        Self::__await__(slf)
    }

    #[classmethod]
    fn __class_getitem__(
        class: &Bound<'_, PyType>,
        item: &Bound<'_, PyAny>,
    ) -> PyResult<Py<PyAny>> {
        let alias = class.py().import("types")?.getattr("GenericAlias")?;
        Ok(alias.call1((class, item))?.unbind())
    }

    fn __repr__(&self) -> &'static str {
        match self.state.lock().outcome {
            Outcome::Pending => "<DeliveryFuture pending>",
            Outcome::Cancelled(_) => "<DeliveryFuture cancelled>",
            Outcome::Exception { .. } => "<DeliveryFuture failed>",
            Outcome::Result(_) => "<DeliveryFuture delivered>",
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.calls)?;
        let Some(state) = self.state.try_lock() else {
            return Ok(());
        };
        for callback in &state.callbacks {
            callback.traverse(&visit)?;
        }
        match &state.outcome {
            Outcome::Exception {
                exception,
                traceback,
            } => {
                visit.call(exception)?;
                visit.call(traceback)
            }
            Outcome::Result(held) | Outcome::Cancelled(Some(held)) => visit.call(held),
            Outcome::Pending | Outcome::Cancelled(None) => Ok(()),
        }
    }

    /// What a cycle goes through: who waits.
    fn __clear__(&self) {
        let callbacks = std::mem::take(&mut self.state.lock().callbacks);
        drop(callbacks);
    }
}

impl Drop for DeliveryFuture {
    /// As asyncio does: an exception that nobody asked for is told to the loop.
    fn drop(&mut self) {
        let outcome = std::mem::take(&mut self.state.get_mut().outcome);
        if let Outcome::Exception { exception, .. } = outcome
            && self.untold.load(Ordering::Relaxed)
        {
            Python::try_attach(|py| apart_from_what_is_raised(py, || self.tell(py, &exception)));
        }
    }
}

impl DeliveryFuture {
    fn tell(&self, py: Python<'_>, exception: &Py<PyAny>) {
        let event_loop = self.calls.get().event_loop(py);
        let what = "DeliveryFuture exception was never retrieved";
        if let Err(failed) = tell(event_loop.bind(py), what, exception.bind(py)) {
            failed.write_unraisable(py, None);
        }
    }
}

/// For what is dropped while an exception is on its way.
#[allow(
    unsafe_code,
    reason = "PyO3 does not give back an exception of its own"
)]
fn apart_from_what_is_raised(_: Python<'_>, call: impl FnOnce()) {
    let (mut class, mut value, mut traceback) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: the interpreter is attached. What is fetched is given back as it was.
    unsafe {
        ffi::PyErr_Fetch(&mut class, &mut value, &mut traceback);
        call();
        ffi::PyErr_Restore(class, value, traceback);
    }
}

/// What `await` goes through.
#[pyclass(frozen)]
struct Waiter {
    future: Py<DeliveryFuture>,
    has_waited: AtomicBool,
}

#[pymethods]
impl Waiter {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<DeliveryFuture>>> {
        let future = self.future.get();
        if future.done() {
            let result = future.result(py)?;
            return Err(PyStopIteration::new_err((result,)));
        }
        if self.has_waited.swap(true, Ordering::Relaxed) {
            return Err(PyRuntimeError::new_err("await wasn't used with future"));
        }
        future.set_blocking(true);
        Ok(Some(self.future.clone_ref(py)))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.future)
    }
}
