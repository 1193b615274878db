//! The fast half of `Consumer`: handing out rows. What is called seldom is in `kafka_rs/_consumer.py`.
#![allow(unsafe_code, reason = "calls the C surface")]

use std::ffi::CString;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::arrow::ArrowRows;
use crate::conf::{self, Handles, Setting, c_string, read_bytes, read_text};
use crate::error::{Error, Result, call};
use crate::ffi::{self, krs_chan};
use crate::fork::Birth;
use crate::logs::{Logs, give_lines};
use crate::message::Message;
use crate::partitions::{Partitions, Place, answer, tuples};
use crate::reader::{Reader, Taken};
use crate::rows::Rows;
use crate::wait::{Deadline, interruptible};

/// Rows received at once where only events are wanted, which come first.
const EVENT_ROWS: usize = 100;
/// consume() returns what has come after this time, full or not.
const CHUNK: Duration = Duration::from_millis(200);
/// How long one thread waits for another that is in the same consumer, before it looks at signals.
const GATE: Duration = Duration::from_millis(100);
/// How long seek() waits for a partition where fetching has not begun; afterwards it is done all the same.
const SEEK_MS: i32 = 150;

struct State {
    handles: Handles,
    events: Reader,
    wake: Reader,
    logs: Logs,
    /// Rows of one event whose last is still to come.
    event: Vec<Taken>,
}

/// What a step of receiving came to.
enum Step {
    Message(Taken),
    Event(Vec<Taken>),
    Woken,
    Nothing,
}

impl State {
    /// What comes next, if it is here. An event waits until the one before has been dealt with.
    fn take(&mut self) -> Option<Step> {
        let (rows, row) = self.events.peek()?;
        if what(rows, row) == What::Message {
            return self.events.take().map(Step::Message);
        }
        let whole = !self.events.keeps() && self.events.take_event(&mut self.event);
        whole.then(|| Step::Event(std::mem::take(&mut self.event)))
    }
}

#[pyclass(frozen, subclass, module = "kafka_rs._native")]
pub struct ConsumerCore {
    state: Mutex<Option<State>>,
    handles: Mutex<Option<Handles>>,
    wake: krs_chan,
    birth: Birth,
}

/// What waiting for a message came to.
enum Next {
    Message(Taken),
    Woken,
    TimedOut,
}

#[derive(Clone, Copy, PartialEq)]
enum What {
    Message,
    Event,
}

fn what(rows: &Rows, row: usize) -> What {
    match rows.kind[row] {
        ffi::KRS_EVENT_MESSAGE | ffi::KRS_EVENT_PARTITION_EOF => What::Message,
        // An error of a partition takes the place of a message.
        ffi::KRS_EVENT_ERROR if rows.has_topic(row) => What::Message,
        _ => What::Event,
    }
}

fn closed() -> PyErr {
    PyRuntimeError::new_err("Consumer closed")
}

fn raise(py: Python<'_>, error: &Error) -> PyErr {
    if error.is_closed() {
        closed()
    } else {
        error.raise(py)
    }
}

impl ConsumerCore {
    /// A message that needs no call of the core and no waiting.
    #[inline]
    fn take_now(&self) -> Option<Taken> {
        let mut state = self.state.try_lock()?;
        let events = &mut state.as_mut()?.events;
        let (rows, row) = events.peek()?;
        (what(rows, row) == What::Message).then(|| events.take())?
    }

    /// Runs `body` with the state, without the interpreter lock, when no other thread is in it.
    fn with_state<T: Send>(
        &self,
        py: Python<'_>,
        mut body: impl FnMut(&mut State) -> Result<T> + Send,
    ) -> PyResult<T> {
        self.birth.check("Consumer")?;
        loop {
            let done = py.detach(|| {
                let mut state = self.state.try_lock_for(GATE)?;
                Some(state.as_mut().map(&mut body))
            });
            match done {
                Some(Some(result)) => return result.map_err(|error| raise(py, &error)),
                Some(None) => return Err(closed()),
                None => py.check_signals()?,
            }
        }
    }

    fn handles(&self) -> PyResult<Handles> {
        self.birth.check("Consumer")?;
        self.handles.lock().ok_or_else(closed)
    }

    /// Waits up to one slice for a row. `max` None: for a program that takes one at a time.
    fn step(&self, py: Python<'_>, max: Option<usize>, deadline: Deadline) -> PyResult<Step> {
        self.with_state(py, |state| {
            let max = max.unwrap_or(0).max(state.events.at_once());
            if let Some(step) = state.take() {
                return Ok(step);
            }
            let slice = deadline.slice_ms();
            if state.events.keeps() {
                // An event is being dealt with, by this thread or another: what is left comes afterwards.
                std::thread::sleep(Duration::from_millis(1.min(slice) as u64));
                return Ok(Step::Nothing);
            }
            if state.events.receive(max, 0)? {
                return Ok(state.take().unwrap_or(Step::Nothing));
            }
            if slice == 0 {
                return Ok(Step::Nothing);
            }
            let State { events, wake, .. } = &mut *state;
            match events.receive_more_or_wake(max, slice, wake)? {
                None => Ok(Step::Woken),
                Some(true) => Ok(state.take().unwrap_or(Step::Nothing)),
                Some(false) => Ok(Step::Nothing),
            }
        })
    }

    /// Waits for more rows, while those that the program has not been given yet do not count as delivered. `false`: the
    /// program has to be given them first, because there is something else than a message, or time is up.
    fn await_more(&self, py: Python<'_>, max: usize, deadline: Deadline) -> bool {
        let wait = || {
            let mut guard = self.state.try_lock_for(GATE)?;
            let state = guard.as_mut()?;
            let State { events, wake, .. } = &mut *state;
            if events.keeps() || !events.hold() {
                return None;
            }
            let arrived = events.receive_more(max, 0).ok()?
                || events
                    .receive_more_or_wake(max, deadline.slice_ms(), wake)
                    .ok()??;
            Some(arrived || !deadline.is_over())
        };
        // No look at signals: what one raises would take the program's rows with it.
        py.detach(wait).unwrap_or(false)
    }

    /// The next row that stands for a message, and what it is; events before it go to Python.
    fn next_message(
        slf: &Bound<'_, Self>,
        max: Option<usize>,
        deadline: Deadline,
    ) -> PyResult<Next> {
        let py = slf.py();
        loop {
            match slf.get().step(py, max, deadline)? {
                Step::Message(taken) => return Ok(Next::Message(taken)),
                Step::Event(event) => {
                    if let Some(message) = Self::dispatch(slf, event)? {
                        return Ok(Next::Message(message));
                    }
                }
                Step::Woken => return Ok(Next::Woken),
                Step::Nothing => {
                    py.check_signals()?;
                    Self::serve_logs(slf)?;
                    if deadline.is_over() {
                        return Ok(Next::TimedOut);
                    }
                }
            }
        }
    }

    /// Gives an event to Python; what Python hands back takes the place of a message.
    fn dispatch(slf: &Bound<'_, Self>, mut event: Vec<Taken>) -> PyResult<Option<Taken>> {
        let py = slf.py();
        let rows = event
            .iter()
            .map(|taken| describe(py, &taken.rows, taken.row))
            .collect::<PyResult<Vec<_>>>()?;
        let kind = event.first().map_or(0, |first| first.rows.kind[first.row]);
        let result = slf.call_method1(intern!(py, "_event"), (PyList::new(py, rows)?,));
        let this = slf.get();
        py.detach(|| {
            // Even if the callback closed the consumer.
            if let Some(state) = this.state.lock().as_mut() {
                state.events.let_go();
                if matches!(kind, ffi::KRS_EVENT_ASSIGN | ffi::KRS_EVENT_REVOKE) {
                    // Passed back at once: the core answers what the program did not.
                    let _: Result<()> = state.events.give_back();
                }
            }
        });
        Ok(result?.is_truthy()?.then(|| event.pop()).flatten())
    }

    /// Log lines go to Python now and then.
    fn serve_logs(slf: &Bound<'_, Self>) -> PyResult<()> {
        let lines = {
            // Another thread that is in there looks by itself.
            let Some(mut state) = slf.get().state.try_lock() else {
                return Ok(());
            };
            state.as_mut().and_then(|state| state.logs.take_due())
        };
        give_lines(slf.as_any(), lines)
    }

    /// What was handed out counts as delivered from here on.
    fn settle(&self, py: Python<'_>) -> PyResult<()> {
        self.with_settled(py, || Ok(()))
    }

    /// The same, and nobody receives while `work` is done.
    fn with_settled<T: Send>(
        &self,
        py: Python<'_>,
        work: impl Fn() -> Result<T> + Send + Sync,
    ) -> PyResult<T> {
        self.with_state(py, |state| {
            if state.events.keeps() {
                // In a callback: the event has not been answered, and messages before it are settled. Those after it
                // have to be looked at again.
                state.events.distrust();
            } else {
                state.events.give_back()?;
            }
            work()
        })
    }
}

/// A row as a tuple: kind, flags, code, topic, partition, offset, leader epoch, opaque, key, value.
pub fn describe<'py>(py: Python<'py>, rows: &Rows, row: usize) -> PyResult<Bound<'py, PyTuple>> {
    let bytes = |value: Option<&[u8]>| value.map(|value| PyBytes::new(py, value));
    (
        rows.kind[row],
        rows.flags[row],
        rows.code[row],
        rows.topic_name(py, row),
        rows.partition[row],
        rows.offset[row],
        rows.leader_epoch[row],
        rows.opaque[row],
        bytes(rows.key.get(row)),
        bytes(rows.value.get(row)),
    )
        .into_pyobject(py)
}

#[pymethods]
impl ConsumerCore {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, pyo3::types::PyDict>>,
        py: Python<'_>,
    ) -> PyResult<Self> {
        let mut wake = krs_chan::default();
        // SAFETY: a place for the result.
        call(|err| unsafe { ffi::krs_chan_new(1, &mut wake, err) })
            .map_err(|error| error.raise(py))?;
        Ok(Self {
            state: Mutex::new(None),
            handles: Mutex::new(None),
            wake,
            birth: Birth::now(),
        })
    }

    fn _open(&self, py: Python<'_>, settings: Vec<Setting>) -> PyResult<String> {
        let handles = conf::open(py, ffi::KRS_CONSUMER, &settings)?;
        let state = State {
            handles,
            events: Reader::new(handles.events),
            wake: Reader::new(self.wake),
            logs: Logs::new(handles.logs),
            event: Vec::new(),
        };
        *self.state.lock() = Some(state);
        *self.handles.lock() = Some(handles);
        conf::client_name(handles.client).map_err(|error| raise(py, &error))
    }

    /// The next message, or None if none came within `timeout` seconds (-1 = wait for ever).
    ///
    /// Callbacks are called from here. A message may be an error: see Message.error().
    #[pyo3(signature = (timeout=-1.0))]
    fn poll(slf: &Bound<'_, Self>, timeout: f64) -> PyResult<Option<Message>> {
        let this = slf.get();
        if this.birth.is_here()
            && let Some(taken) = this.take_now()
        {
            return Ok(Some(Message::received(taken.rows, taken.row)));
        }
        match Self::next_message(slf, None, Deadline::after(timeout))? {
            Next::Message(taken) => Ok(Some(Message::received(taken.rows, taken.row))),
            Next::Woken | Next::TimedOut => Ok(None),
        }
    }

    /// Up to `num_messages` messages: as many as come within `timeout` seconds (-1 = wait for the first for ever),
    /// but not longer than 0.2 s after some are there.
    #[pyo3(signature = (num_messages=1, timeout=-1.0))]
    fn consume<'py>(
        slf: &Bound<'py, Self>,
        num_messages: i64,
        timeout: f64,
    ) -> PyResult<Bound<'py, PyList>> {
        let py = slf.py();
        let list = PyList::empty(py);
        if !(0..=1_000_000).contains(&num_messages) {
            return Err(pyo3::exceptions::PyValueError::new_err(
                "num_messages must be between 0 and 1000000 (1M)",
            ));
        }
        slf.get().birth.check("Consumer")?;
        let wanted = num_messages as usize;
        let deadline = Deadline::after(timeout);
        let mut chunk_end = Instant::now() + CHUNK;
        while list.len() < wanted {
            let run = slf
                .get()
                .state
                .try_lock()
                .and_then(|mut state| {
                    let is_message = |rows: &Rows, row| what(rows, row) == What::Message;
                    state
                        .as_mut()?
                        .events
                        .take_run(wanted - list.len(), is_message)
                })
                .filter(|(_, range)| !range.is_empty());
            if let Some((rows, range)) = run {
                for row in range {
                    list.append(Bound::new(py, Message::received(Arc::clone(&rows), row))?)?;
                }
                continue;
            }
            if Instant::now() >= chunk_end {
                if !list.is_empty() {
                    break;
                }
                chunk_end = Instant::now() + CHUNK;
            }
            let soon = deadline.or_sooner(chunk_end);
            let left = wanted - list.len();
            if !list.is_empty() {
                if slf.get().await_more(py, left, soon) {
                    continue;
                }
                break;
            }
            match Self::next_message(slf, Some(left), soon)? {
                Next::Message(taken) => {
                    list.append(Bound::new(py, Message::received(taken.rows, taken.row))?)?;
                }
                Next::Woken => break,
                Next::TimedOut if deadline.is_over() => break,
                Next::TimedOut => {}
            }
        }
        Ok(list)
    }

    /// Up to `max_rows` messages as columns, for pyarrow, polars, duckdb and whatever reads the Arrow C data interface.
    ///
    /// Waits up to `timeout` seconds for the first (-1 = for ever), and returns what is there. Errors and ends of
    /// partitions that came before are in `errors`.
    #[pyo3(signature = (max_rows=10_000, timeout=-1.0))]
    fn consume_arrow(slf: &Bound<'_, Self>, max_rows: usize, timeout: f64) -> PyResult<ArrowRows> {
        let py = slf.py();
        let deadline = Deadline::after(timeout);
        let errors = PyList::empty(py);
        let is_plain = |rows: &Rows, row: usize| rows.kind[row] == ffi::KRS_EVENT_MESSAGE;
        if max_rows == 0 {
            return Ok(ArrowRows::new(Rows::empty(), 0..0, errors.unbind()));
        }
        let mut found = None;
        loop {
            let Next::Message(first) = Self::next_message(slf, Some(max_rows), deadline)? else {
                break;
            };
            if is_plain(&first.rows, first.row) {
                let more = slf.get().with_state(py, |state| {
                    Ok(state.events.take_run(max_rows - 1, is_plain))
                })?;
                let end = match more {
                    Some((rows, range)) if Arc::ptr_eq(&rows, &first.rows) => range.end,
                    _ => first.row + 1,
                };
                found = Some((first.rows, first.row..end));
                break;
            }
            errors.append(Bound::new(py, Message::received(first.rows, first.row))?)?;
            // The program may want to know, rather than wait for messages.
            let left = slf.get().with_state(py, |state| Ok(state.events.left()))?;
            if left == 0 {
                break;
            }
        }
        let (rows, range) = found.unwrap_or_else(|| (Rows::empty(), 0..0));
        Ok(ArrowRows::new(rows, range, errors.unbind()))
    }

    /// Makes a poll(), consume() or iteration that waits, or the next one, return at once. From any thread.
    fn wakeup(&self) -> PyResult<()> {
        self.handles()?;
        let message = ffi::krs_message::new();
        // SAFETY: the message is alive. Full means that a wake-up is on its way already.
        let _ = call(|err| unsafe { ffi::krs_chan_send(self.wake, &message, 0, err) });
        Ok(())
    }

    /// Messages until wakeup() is called or the consumer is closed.
    fn __iter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __next__<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if slf.get()._is_closed() {
            return Ok(None);
        }
        let poll = slf.call_method0(intern!(slf.py(), "poll"));
        match poll {
            Ok(message) => Ok((!message.is_none()).then_some(message)),
            // Closed by another thread, or in a callback.
            Err(_) if slf.get()._is_closed() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn _subscribe(&self, py: Python<'_>, topics: Vec<String>) -> PyResult<()> {
        let client = self.handles()?.client;
        let names = topics
            .iter()
            .map(|topic| c_string("a topic", topic))
            .collect::<PyResult<Vec<CString>>>()?;
        let pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        let (place, count) = (pointers.as_ptr(), pointers.len());
        // SAFETY: the names are alive.
        call(|err| unsafe { ffi::krs_consumer_subscribe(client, place, count, err) })
            .map_err(|error| raise(py, &error.because("Failed to set subscription")))
    }

    fn _unsubscribe(&self, py: Python<'_>) -> PyResult<()> {
        let client = self.handles()?.client;
        self.with_settled(py, || {
            // SAFETY: takes any handle.
            call(|err| unsafe { ffi::krs_consumer_unsubscribe(client, err) })
        })
    }

    /// Whether rebalances come as events, to be answered with _assign.
    fn _application_rebalance(&self, py: Python<'_>, enabled: bool) -> PyResult<()> {
        let client = self.handles()?.client;
        // SAFETY: takes any handle.
        call(|err| unsafe { ffi::krs_consumer_application_rebalance(client, enabled.into(), err) })
            .map_err(|error| raise(py, &error))
    }

    /// Assigns: `how` is 0 = in place of all, 1 = beside, 2 = no longer.
    fn _assign(&self, py: Python<'_>, how: u32, places: Vec<Place>) -> PyResult<()> {
        let client = self.handles()?.client;
        let partitions = Partitions::of(&places);
        self.with_settled(py, || {
            let view = partitions.view();
            // SAFETY: the partitions are alive.
            call(|err| unsafe { ffi::krs_consumer_assign(client, how, &view, err) })
        })
    }

    /// What is done at once and answered for each partition: `what` is pause, resume, seek, store, position or
    /// assignment.
    fn _now<'py>(
        &self,
        py: Python<'py>,
        what: &str,
        places: Vec<Place>,
    ) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let client = self.handles()?.client;
        let partitions = Partitions::of(&places);
        let rows = self.with_settled(py, || {
            let view = partitions.view();
            // SAFETY: the partitions are alive; `answer` gives places for batch and view.
            answer(|batch, out, err| unsafe {
                match what {
                    "pause" => ffi::krs_consumer_pause(client, &view, batch, out, err),
                    "resume" => ffi::krs_consumer_resume(client, &view, batch, out, err),
                    "seek" => ffi::krs_consumer_seek(client, &view, SEEK_MS, batch, out, err),
                    "store" => ffi::krs_consumer_store(client, &view, batch, out, err),
                    "position" => ffi::krs_consumer_position(client, &view, batch, out, err),
                    _ => ffi::krs_consumer_assignment(client, batch, out, err),
                }
            })
        })?;
        tuples(py, &rows)
    }

    /// What asks a broker and is answered for each partition: `what` is committed, offsets_for_times, commit or
    /// commit_offsets.
    fn _ask<'py>(
        &self,
        py: Python<'py>,
        what: &str,
        places: Vec<Place>,
        timeout: f64,
    ) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let client = self.handles()?.client;
        self.settle(py)?;
        let ms = Deadline::after(timeout).all_ms();
        let what = what.to_owned();
        let rows = interruptible(py, move || {
            let partitions = Partitions::of(&places);
            let view = partitions.view();
            // SAFETY: the partitions are alive; `answer` gives places for batch and view.
            answer(|batch, out, err| unsafe {
                match what.as_str() {
                    "committed" => ffi::krs_consumer_committed(client, &view, ms, batch, out, err),
                    "offsets_for_times" => {
                        ffi::krs_cluster_offsets_for_times(client, &view, ms, batch, out, err)
                    }
                    "commit" => ffi::krs_consumer_commit(client, ms, 0, batch, out, err),
                    _ => ffi::krs_consumer_commit_offsets(client, &view, ms, 0, batch, out, err),
                }
            })
        })?
        .map_err(|error| raise(py, &error))?;
        tuples(py, &rows)
    }

    /// Commits what was delivered, or `places`; the outcome comes as an event with `opaque`.
    fn _commit_later(
        &self,
        py: Python<'_>,
        places: Option<Vec<Place>>,
        opaque: u64,
    ) -> PyResult<()> {
        let client = self.handles()?.client;
        self.settle(py)?;
        let (batch, out) = (std::ptr::null_mut(), std::ptr::null_mut());
        let result = match places {
            None => {
                // SAFETY: takes any handle, and no batch.
                call(|err| unsafe { ffi::krs_consumer_commit(client, 0, opaque, batch, out, err) })
            }
            Some(places) => {
                let partitions = Partitions::of(&places);
                let view = partitions.view();
                // SAFETY: the partitions are alive; no batch is wanted.
                call(|err| unsafe {
                    ffi::krs_consumer_commit_offsets(client, &view, 0, opaque, batch, out, err)
                })
            }
        };
        result.map_err(|error| raise(py, &error))
    }

    /// Serves events, and hands no message out, for up to `timeout` seconds or until `done()` is true.
    fn _serve(slf: &Bound<'_, Self>, timeout: f64, done: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = slf.py();
        let deadline = Deadline::after(timeout);
        loop {
            if done.call0()?.is_truthy()? {
                return Ok(true);
            }
            let step = slf.get().with_state(py, |state| {
                if state.events.peek().is_none() && !state.events.keeps() {
                    state.events.receive(EVENT_ROWS, deadline.slice_ms())?;
                }
                match state.events.peek() {
                    Some((rows, row)) if what(rows, row) == What::Event => Ok(state.take()),
                    Some(_) if !state.events.keeps() => {
                        state.events.give_back()?;
                        // Messages are there, and an event is not: it will come in a moment.
                        std::thread::sleep(Duration::from_millis(1));
                        Ok(None)
                    }
                    Some(_) => {
                        std::thread::sleep(Duration::from_millis(1));
                        Ok(None)
                    }
                    None => Ok(None),
                }
            })?;
            if let Some(Step::Event(event)) = step {
                Self::dispatch(slf, event)?;
            } else if deadline.is_over() {
                return Ok(false);
            }
            py.check_signals()?;
        }
    }

    fn _member_id(&self, py: Python<'_>) -> PyResult<String> {
        let client = self.handles()?.client;
        // SAFETY: the buffer has its capacity.
        read_text(|buffer, capacity, len, err| unsafe {
            ffi::krs_consumer_member_id(client, buffer, capacity, len, err)
        })
        .map_err(|error| raise(py, &error))
    }

    /// What a transactional producer needs to know of the group, for send_offsets_to_transaction().
    fn consumer_group_metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let client = self.handles()?.client;
        // SAFETY: the buffer has its capacity.
        let bytes = read_bytes(|buffer, capacity, len, err| unsafe {
            ffi::krs_consumer_group_metadata(client, buffer, capacity, len, err)
        })
        .map_err(|error| raise(py, &error))?;
        Ok(PyBytes::new(py, &bytes))
    }

    #[getter]
    fn _client(&self) -> PyResult<u64> {
        Ok(self.handles()?.client.id)
    }

    /// Tells the core what was delivered.
    fn _settle(&self, py: Python<'_>) -> PyResult<()> {
        self.settle(py)
    }

    fn _fd(&self, py: Python<'_>) -> PyResult<i32> {
        self.with_state(py, |state| state.events.fd())
    }

    /// Rows that are here already: a reader of the descriptor takes these first.
    fn _left(&self, py: Python<'_>) -> PyResult<usize> {
        self.with_state(py, |state| Ok(state.events.left()))
    }

    #[getter]
    fn _is_closed(&self) -> bool {
        self.handles.lock().is_none()
    }

    /// Closes: what was delivered is stored and committed, the group is left. Returns None if it was closed before,
    /// else whether all went well, and the events that came meanwhile.
    fn _close(slf: &Bound<'_, Self>, timeout: f64) -> PyResult<Option<bool>> {
        let py = slf.py();
        let this = slf.get();
        this.birth.check("Consumer")?;
        let Some(handles) = this.handles.lock().take() else {
            return Ok(None);
        };
        let ms = Deadline::after(timeout).all_ms();
        let consumer = slf.clone().unbind();
        let (clean, result, lines) = interruptible(py, move || {
            let this = consumer.get();
            let message = ffi::krs_message::new();
            // SAFETY: the message is alive. Whoever waits in there is to let go of the state.
            let _ = call(|err| unsafe { ffi::krs_chan_send(this.wake, &message, 0, err) });
            let mut state = this.state.lock();
            if let Some(state) = state.as_mut() {
                let _ = state.events.give_back();
            }
            let mut how = ffi::krs_close_result::new();
            // SAFETY: a place for the result.
            let result =
                call(|err| unsafe { ffi::krs_client_close(handles.client, ms, &mut how, err) });
            let lines = state.as_mut().and_then(|state| state.logs.take());
            *state = None;
            (how.clean == 1, result, lines)
        })?;
        give_lines(slf.as_any(), lines)?;
        result.map_err(|error| raise(py, &error))?;
        Ok(Some(clean))
    }
}

impl Drop for ConsumerCore {
    fn drop(&mut self) {
        if !self.birth.is_here() {
            // The parent's: nothing of it works here, not even giving it back.
            if let Some(state) = self.state.get_mut().take() {
                std::mem::forget(state);
            }
            return;
        }
        let state = self.state.get_mut().take();
        if let Some(state) = state {
            let client = state.handles.client;
            drop(state);
            // SAFETY: takes any handle.
            let _ =
                call(|err| unsafe { ffi::krs_client_close(client, 0, std::ptr::null_mut(), err) });
        }
        // SAFETY: takes any handle.
        let _ = call(|err| unsafe { ffi::krs_chan_free(self.wake, err) });
    }
}
