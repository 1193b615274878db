//! The fast half of `Producer`: sending and reports. What is called seldom is in `kafka_rs/_producer.py`.
#![allow(unsafe_code, reason = "calls the C surface")]

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pyo3::exceptions::{PyBufferError, PyRuntimeError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::callback::call_back;
use crate::calls::{Call, Calls, Waiting};
use crate::collector::Looks;
use crate::conf::{self, Handles, Setting, c_string};
use crate::consumer::describe;
use crate::error::{Error, Result, call, kafka_error};
use crate::ffi::{
    self, krs_bytes, krs_client, krs_code, krs_column, krs_message, krs_records, krs_topic,
};
use crate::fork::Birth;
use crate::future::DeliveryFuture;
use crate::input::{Data, encode_headers, headers};
use crate::logs::{Logs, give_lines};
use crate::loop_calls::LoopCalls;
use crate::message::Message;
use crate::partitions::{Partitions, Place};
use crate::reader::{Reader, Taken};
use crate::rows::Rows;
use crate::wait::{Deadline, interruptible, until};

/// Reports fetched at once: more than the core keeps in one batch, which it then gives away without a copy.
const REPORT_ROWS: usize = 4096;
/// How long flush() leaves to another thread that calls back, before it looks again.
const TELLING: Duration = Duration::from_millis(1);
/// Shortest time between two attempts at a call that may be repeated.
const RETRY: Duration = Duration::from_millis(20);
/// The `opaque` of messages whose reports are told by the list.
const BY_THE_LIST: u64 = u64::MAX;
/// Topic names that are recognised by their object, which costs less than by their text.
const RECENT: usize = 8;

struct State {
    events: Reader,
    logs: Logs,
    event: Vec<Taken>,
}

/// What each message that is sent needs, under one lock.
struct Sending {
    topics: Topics,
    calls: Calls,
}

#[derive(Default)]
struct Topics {
    recent: Vec<(Py<PyString>, krs_topic)>,
    all: HashMap<String, krs_topic>,
}

#[pyclass(frozen, subclass, module = "kafka_rs._native")]
pub struct ProducerCore {
    state: Mutex<Option<State>>,
    handles: Mutex<Option<Handles>>,
    /// The client among them, to be seen without the lock; 0 once it is closed.
    client: AtomicU64,
    sending: Mutex<Sending>,
    /// Called for each message that names no callback of its own.
    on_delivery: Mutex<Option<Py<PyAny>>>,
    /// Called with lists of reports, of messages without a callback of their own.
    on_reports: Mutex<Option<Py<PyAny>>>,
    /// Whether there are these two, to be seen without the lock.
    has_on_delivery: AtomicBool,
    has_on_reports: AtomicBool,
    /// Reports of success are not passed on.
    only_errors: AtomicBool,
    /// Futures whose messages were reported, and the reports: settled together, which costs one call.
    settled: Mutex<Vec<(Py<PyAny>, Py<Message>)>>,
    /// How many there are, those included that are just being settled.
    settling: AtomicUsize,
    birth: Birth,
}

fn closed() -> PyErr {
    PyRuntimeError::new_err("Producer has been closed")
}

fn raise(py: Python<'_>, error: &Error) -> PyErr {
    if error.is_closed() {
        closed()
    } else {
        error.raise(py)
    }
}

fn refused(py: Python<'_>, error: Error) -> PyErr {
    match error.code {
        ffi::KRS_ERR_QUEUE_FULL => PyBufferError::new_err("Local: Queue full"),
        ffi::KRS_ERR_CLOSED => closed(),
        ffi::KRS_ERR_FORKED => error.raise(py),
        _ => error.because("Unable to produce message").raise_kafka(py),
    }
}

impl Topics {
    #[inline]
    fn recent(&self, name: &Bound<'_, PyString>) -> Option<krs_topic> {
        let known = self.recent.iter().find(|(known, _)| known.is(name));
        known.map(|(_, topic)| *topic)
    }

    /// Returns the name that is forgotten for it.
    fn remember(
        &mut self,
        name: Py<PyString>,
        text: &str,
        topic: krs_topic,
    ) -> Option<Py<PyString>> {
        if !self.all.contains_key(text) {
            self.all.insert(text.to_owned(), topic);
        }
        let is_full = self.recent.len() == RECENT;
        let forgotten = is_full.then(|| self.recent.remove(0).0);
        self.recent.push((name, topic));
        forgotten
    }
}

impl ProducerCore {
    #[inline]
    fn client(&self) -> PyResult<krs_client> {
        self.birth.check("Producer")?;
        match self.client.load(Ordering::Relaxed) {
            0 => Err(closed()),
            id => Ok(krs_client { id }),
        }
    }

    /// Not under the lock: errors and names are Python's objects, which may run any code.
    fn find_topic(&self, client: krs_client, name: &Bound<'_, PyString>) -> PyResult<krs_topic> {
        let text = name.to_str()?;
        let known = self.sending.lock().topics.all.get(text).copied();
        let topic = match known {
            Some(topic) => topic,
            None => {
                let c_name = c_string("a topic", text)?;
                let mut topic = krs_topic::default();
                // SAFETY: the name is alive, and there is a place for the result.
                call(|err| unsafe {
                    ffi::krs_client_topic(client, c_name.as_ptr(), &mut topic, err)
                })
                .map_err(|error| refused(name.py(), error))?;
                topic
            }
        };
        let own = name.clone().unbind();
        let forgotten = self.sending.lock().topics.remember(own, text, topic);
        drop(forgotten);
        Ok(topic)
    }

    /// The callback of a message, if somebody wants its report.
    fn callback(
        &self,
        py: Python<'_>,
        callback: Option<Bound<'_, PyAny>>,
        on_delivery: Option<Bound<'_, PyAny>>,
    ) -> Option<Py<PyAny>> {
        let own = callback
            .filter(|callback| !callback.is_none())
            .or_else(|| on_delivery.filter(|callback| !callback.is_none()));
        match own {
            Some(own) => Some(own.unbind()),
            None if self.has_on_delivery.load(Ordering::Relaxed) => self
                .on_delivery
                .lock()
                .as_ref()
                .map(|callback| callback.clone_ref(py)),
            None => None,
        }
    }

    /// The number by which the report of a message finds who waits for it.
    fn wait_for(&self, calls: &mut Calls, waiting: Option<Waiting>) -> u64 {
        match waiting {
            Some(waiting) => {
                let sent = Instant::now();
                calls.add(Call { waiting, sent })
            }
            None if self.has_on_reports.load(Ordering::Relaxed) => BY_THE_LIST,
            None => 0,
        }
    }

    /// Tells reports by the list, and returns how many.
    fn tell_list(slf: &Bound<'_, Self>, rows: &Arc<Rows>, range: Range<usize>) -> PyResult<usize> {
        let py = slf.py();
        let only_errors = slf.get().only_errors.load(Ordering::Relaxed);
        let list = PyList::empty(py);
        for row in range.filter(|row| !only_errors || rows.code[*row] != 0) {
            list.append(Bound::new(
                py,
                Message::reported(Arc::clone(rows), row, None),
            )?)?;
        }
        let callback = slf
            .get()
            .on_reports
            .lock()
            .as_ref()
            .map(|own| own.clone_ref(py));
        if let Some(callback) = callback
            && !list.is_empty()
        {
            callback.call1(py, (&list,))?;
        }
        Ok(list.len())
    }

    fn forget_call(&self, token: u64) {
        // Not under the lock: dropping an object may run any code.
        let forgotten = self.sending.lock().calls.take(token);
        drop(forgotten);
    }

    /// Calls back for what has been reported, settles futures, and returns how many were told.
    fn dispatch(slf: &Bound<'_, Self>) -> PyResult<usize> {
        let told = Self::dispatch_rows(slf);
        // Also when a callback raised: what was taken out is told.
        Self::settle(slf)?;
        let told = told?;
        Self::serve_logs(slf)?;
        Ok(told)
    }

    /// Settles the futures whose messages were reported. Those that an exception leaves are settled by the next call.
    fn settle(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        if this.settling.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        let pairs = std::mem::take(&mut *this.settled.lock());
        if pairs.is_empty() {
            return Ok(());
        }
        let count = pairs.len();
        let futures = PyList::new(py, pairs.iter().map(|(future, _)| future))?;
        let reports = PyList::new(py, pairs.iter().map(|(_, report)| report))?;
        let told = slf.call_method1(intern!(py, "_settle"), (futures, reports));
        let mut left = 0;
        if told.is_err() {
            let is_left = |future: &Py<PyAny>| {
                let done = future.call_method0(py, intern!(py, "done"));
                done.and_then(|done| done.is_truthy(py))
                    .is_ok_and(|done| !done)
            };
            let mut again: Vec<_> = pairs
                .into_iter()
                .filter(|(future, _)| is_left(future))
                .collect();
            left = again.len();
            let mut settled = this.settled.lock();
            again.append(&mut settled);
            *settled = again;
        }
        this.settling.fetch_sub(count - left, Ordering::Relaxed);
        told.map(drop)
    }

    fn dispatch_rows(slf: &Bound<'_, Self>) -> PyResult<usize> {
        let (py, this) = (slf.py(), slf.get());
        let mut served = 0;
        let mut now = None;
        loop {
            let taken = {
                // Not waited for with the interpreter lock held: another thread that is in there dispatches, too.
                let Some(mut guard) = this.state.try_lock() else {
                    break;
                };
                let Some(state) = guard.as_mut() else { break };
                let run = state.events.take_patient_run(|rows, row| {
                    rows.kind[row] == ffi::KRS_EVENT_REPORT && rows.opaque[row] == BY_THE_LIST
                });
                if let Some((rows, range)) = run {
                    drop(guard);
                    served += Self::tell_list(slf, &rows, range)?;
                    continue;
                }
                match state.events.take_patiently() {
                    Some(taken) => taken,
                    None if !this.settled.lock().is_empty() => {
                        drop(guard);
                        Self::settle(slf)?;
                        continue;
                    }
                    None => {
                        now = None;
                        match state.events.receive(REPORT_ROWS, 0) {
                            Ok(true) => continue,
                            Ok(false) => break,
                            Err(error) if error.is_closed() => break,
                            Err(error) => return Err(raise(py, &error)),
                        }
                    }
                }
            };
            if taken.rows.kind[taken.row] != ffi::KRS_EVENT_REPORT {
                served += usize::from(Self::event(slf, taken)?);
                continue;
            }
            let opaque = taken.rows.opaque[taken.row];
            let call = this.sending.lock().calls.take(opaque);
            let Some(call) = call else { continue };
            let code = taken.rows.code[taken.row];
            let latency = now
                .get_or_insert_with(Instant::now)
                .duration_since(call.sent);
            let message = Message::reported(taken.rows, taken.row, Some(latency.as_secs_f64()));
            match call.waiting {
                Waiting::Future(future) => {
                    let report = Bound::new(py, message)?;
                    Looks::default().set(&report, false);
                    let report = report.unbind();
                    this.settling.fetch_add(1, Ordering::Relaxed);
                    this.settled.lock().push((future, report));
                }
                Waiting::Callback(_) if code == 0 && this.only_errors.load(Ordering::Relaxed) => {
                    continue;
                }
                Waiting::Callback(callback) => {
                    // In order, for the callback may wait for a future.
                    Self::settle(slf)?;
                    let error = match code {
                        0 => py.None(),
                        code => kafka_error(py, code, None, 0)?,
                    };
                    let message = Bound::new(py, message)?;
                    call_back(callback.bind(py), error.bind(py), &message)?;
                }
            }
            served += 1;
        }
        Ok(served)
    }

    /// Gives an event to Python; tells whether a callback was called.
    fn event(slf: &Bound<'_, Self>, taken: Taken) -> PyResult<bool> {
        let py = slf.py();
        let more = taken.rows.flags[taken.row] & ffi::KRS_ROW_MORE != 0;
        let this = slf.get();
        let event = py.detach(|| {
            let mut state = this.state.lock();
            let state = state.as_mut()?;
            state.event.push(taken);
            (!more).then(|| std::mem::take(&mut state.event))
        });
        let Some(event) = event else { return Ok(false) };
        let rows = event
            .iter()
            .map(|taken| describe(py, &taken.rows, taken.row))
            .collect::<PyResult<Vec<_>>>()?;
        slf.call_method1(intern!(py, "_event"), (PyList::new(py, rows)?,))?
            .is_truthy()
    }

    fn serve_logs(slf: &Bound<'_, Self>) -> PyResult<()> {
        let lines = {
            let Some(mut state) = slf.get().state.try_lock() else {
                return Ok(());
            };
            state.as_mut().and_then(|state| state.logs.take_due())
        };
        give_lines(slf.as_any(), lines)
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "the arguments that programs know"
    )]
    fn send(
        &self,
        py: Python<'_>,
        waiting: Option<Waiting>,
        topic: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        key: Option<&Bound<'_, PyAny>>,
        partition: i32,
        timestamp: i64,
        headers: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let client = self.client()?;
        let topic = topic
            .cast::<PyString>()
            .map_err(|_| PyTypeError::new_err("topic must be str"))?;
        let (value, key) = (Data::of(value)?, Data::of(key)?);
        let headers = match headers {
            None => Vec::new(),
            headers => {
                encode_headers(&self::headers(headers)?).map_err(|error| refused(py, error))?
            }
        };
        let mut message = krs_message::new();
        {
            let mut sending = self.sending.lock();
            message.topic = match sending.topics.recent(topic) {
                Some(topic) => topic,
                None => {
                    drop(sending);
                    let found = self.find_topic(client, topic)?;
                    sending = self.sending.lock();
                    found
                }
            };
            message.opaque = self.wait_for(&mut sending.calls, waiting);
        }
        message.partition = partition;
        message.key = krs_bytes::of(key.get());
        message.value = krs_bytes::of(value.get());
        if !headers.is_empty() {
            message.headers = krs_bytes::of(Some(&headers));
        }
        message.timestamp = timestamp.max(0);
        if message.opaque == 0 {
            message.flags = ffi::KRS_MESSAGE_NO_REPORT;
        }
        // The lock stays ours: with a timeout of 0 the call does not wait.
        // SAFETY: what the message points to is alive.
        call(|err| unsafe { ffi::krs_producer_send(client, &message, 0, err) }).map_err(|error| {
            self.forget_call(message.opaque);
            refused(py, error)
        })
    }

    fn pending(&self, client: krs_client) -> Result<usize> {
        let mut pending = 0;
        // SAFETY: a place for the result.
        call(|err| unsafe { ffi::krs_producer_len(client, &mut pending, err) })?;
        Ok(pending)
    }

    /// Messages whose outcome the program has not been told.
    fn untold(&self, client: krs_client) -> Result<usize> {
        let untold = self.sending.lock().calls.len() + self.settling.load(Ordering::Relaxed);
        Ok(self.pending(client)?.max(untold))
    }
}

/// Values of a column to send.
#[derive(Default)]
struct Values {
    offsets: Vec<i64>,
    data: Vec<u8>,
    validity: Vec<u8>,
    count: usize,
}

impl Values {
    fn push(&mut self, value: Option<&[u8]>) {
        if self.offsets.is_empty() {
            self.offsets.push(0);
        }
        if self.count % 8 == 0 {
            self.validity.push(0);
        }
        if let Some(value) = value {
            self.validity[self.count / 8] |= 1 << (self.count % 8);
            self.data.extend_from_slice(value);
        }
        self.offsets.push(self.data.len() as i64);
        self.count += 1;
    }

    fn column(&self) -> krs_column {
        if self.count == 0 {
            return krs_column::NULL;
        }
        krs_column {
            offsets: self.offsets.as_ptr(),
            data: self.data.as_ptr(),
            validity: self.validity.as_ptr(),
        }
    }
}

/// Many messages of one topic, in columns.
#[derive(Default)]
struct Many {
    partition: Vec<i32>,
    timestamp: Vec<i64>,
    opaque: Vec<u64>,
    key: Values,
    value: Values,
    header_start: Vec<u32>,
    header_key: Values,
    header_value: Values,
}

#[pymethods]
impl ProducerCore {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self {
            state: Mutex::new(None),
            handles: Mutex::new(None),
            client: AtomicU64::new(0),
            sending: Mutex::new(Sending {
                topics: Topics::default(),
                calls: Calls::new(),
            }),
            on_delivery: Mutex::new(None),
            on_reports: Mutex::new(None),
            has_on_delivery: AtomicBool::new(false),
            has_on_reports: AtomicBool::new(false),
            only_errors: AtomicBool::new(false),
            settled: Mutex::default(),
            settling: AtomicUsize::new(0),
            birth: Birth::now(),
        }
    }

    fn _open(
        &self,
        py: Python<'_>,
        settings: Vec<Setting>,
        on_delivery: Option<Py<PyAny>>,
        on_reports: Option<Py<PyAny>>,
        only_errors: bool,
    ) -> PyResult<String> {
        let handles = conf::open(py, ffi::KRS_PRODUCER, &settings)?;
        self.has_on_delivery
            .store(on_delivery.is_some(), Ordering::Relaxed);
        self.has_on_reports
            .store(on_reports.is_some(), Ordering::Relaxed);
        *self.on_delivery.lock() = on_delivery;
        *self.on_reports.lock() = on_reports;
        self.only_errors.store(only_errors, Ordering::Relaxed);
        *self.state.lock() = Some(State {
            events: Reader::new(handles.events),
            logs: Logs::new(handles.logs),
            event: Vec::new(),
        });
        *self.handles.lock() = Some(handles);
        self.client.store(handles.client.id, Ordering::Relaxed);
        conf::client_name(handles.client).map_err(|error| raise(py, &error))
    }

    /// Sends a message, asynchronously: its outcome is told to `callback(error, message)` (or `on_delivery`, or the
    /// one in the configuration) by a later poll() or flush().
    ///
    /// Raises BufferError if the queue is full: call poll(), then try again; KafkaException if the message is refused.
    #[pyo3(signature = (topic, value=None, key=None, partition=ffi::KRS_PARTITION_ANY, callback=None, on_delivery=None, timestamp=0, headers=None))]
    #[allow(
        clippy::too_many_arguments,
        reason = "the arguments that programs know"
    )]
    fn produce<'py>(
        &self,
        py: Python<'py>,
        topic: &Bound<'py, PyAny>,
        value: Option<&Bound<'py, PyAny>>,
        key: Option<&Bound<'py, PyAny>>,
        partition: i32,
        callback: Option<Bound<'py, PyAny>>,
        on_delivery: Option<Bound<'py, PyAny>>,
        timestamp: i64,
        headers: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let waiting = self
            .callback(py, callback, on_delivery)
            .map(Waiting::Callback);
        self.send(
            py, waiting, topic, value, key, partition, timestamp, headers,
        )
    }

    /// The same as `_produce_for` with a future of its own, of this loop; None if there is no room.
    #[allow(
        clippy::too_many_arguments,
        reason = "the arguments that programs know"
    )]
    fn _produce_awaited<'py>(
        &self,
        calls: &Bound<'py, LoopCalls>,
        topic: &Bound<'py, PyAny>,
        value: Option<&Bound<'py, PyAny>>,
        key: Option<&Bound<'py, PyAny>>,
        partition: i32,
        timestamp: i64,
        headers: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<Py<DeliveryFuture>>> {
        let py = calls.py();
        let future = DeliveryFuture::new_one(calls)?.unbind();
        let own = future.clone_ref(py).into_any();
        let sent = self._produce_for(py, own, topic, value, key, partition, timestamp, headers);
        match sent {
            Err(full) if full.is_instance_of::<PyBufferError>(py) => Ok(None),
            sent => sent.map(|()| Some(future)),
        }
    }

    /// The same with a future, which `_settle` is given with the report.
    #[allow(
        clippy::too_many_arguments,
        reason = "the arguments that programs know"
    )]
    fn _produce_for<'py>(
        &self,
        py: Python<'py>,
        future: Py<PyAny>,
        topic: &Bound<'py, PyAny>,
        value: Option<&Bound<'py, PyAny>>,
        key: Option<&Bound<'py, PyAny>>,
        partition: i32,
        timestamp: i64,
        headers: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let waiting = Some(Waiting::Future(future));
        self.send(
            py, waiting, topic, value, key, partition, timestamp, headers,
        )
    }

    /// Sends messages of one topic with a single call: dicts with `value`, `key`, `partition`, `timestamp`, `headers`,
    /// `callback` or `on_delivery`, all optional. Returns how many were accepted; a dict that was not gets a
    /// KafkaError under `_error`.
    #[pyo3(signature = (topic, messages, partition=ffi::KRS_PARTITION_ANY, callback=None, on_delivery=None))]
    fn produce_batch<'py>(
        &self,
        py: Python<'py>,
        topic: &Bound<'py, PyAny>,
        messages: &Bound<'py, PyAny>,
        partition: i32,
        callback: Option<Bound<'py, PyAny>>,
        on_delivery: Option<Bound<'py, PyAny>>,
    ) -> PyResult<usize> {
        let client = self.client()?;
        let topic = topic
            .cast::<PyString>()
            .map_err(|_| PyTypeError::new_err("topic must be str"))?;
        let messages = messages
            .cast::<PyList>()
            .map_err(|_| PyTypeError::new_err("messages must be a list"))?;
        let topic = self.find_topic(client, topic)?;
        let common = self.callback(py, callback, on_delivery);
        let mut many = Many::default();
        let mut calls = Vec::with_capacity(messages.len());
        for (index, message) in messages.iter().enumerate() {
            let message = message.cast::<PyDict>().map_err(|_| {
                PyTypeError::new_err(format!("Message at index {index} must be a dict"))
            })?;
            let get = |name| message.get_item(name);
            let wrong = |name: &str| {
                PyTypeError::new_err(format!(
                    "Message {name} at index {index} must be bytes or str"
                ))
            };
            let (value, key) = (get(intern!(py, "value"))?, get(intern!(py, "key"))?);
            many.value
                .push(Data::of(value.as_ref()).map_err(|_| wrong("value"))?.get());
            many.key
                .push(Data::of(key.as_ref()).map_err(|_| wrong("key"))?.get());
            many.partition.push(match get(intern!(py, "partition"))? {
                Some(own) if !own.is_none() => own.extract()?,
                _ => partition,
            });
            many.timestamp.push(match get(intern!(py, "timestamp"))? {
                Some(own) if !own.is_none() => own.extract::<i64>()?.max(0),
                _ => 0,
            });
            many.header_start.push(many.header_key.count as u32);
            for (name, value) in headers(get(intern!(py, "headers"))?.as_ref())? {
                many.header_key.push(Some(name.as_bytes()));
                many.header_value.push(value.as_deref());
            }
            let (callback, on_delivery) = (
                get(intern!(py, "callback"))?,
                get(intern!(py, "on_delivery"))?,
            );
            let own = callback
                .filter(|own| !own.is_none())
                .or_else(|| on_delivery.filter(|own| !own.is_none()));
            calls.push(own.map_or_else(
                || common.as_ref().map(|common| common.clone_ref(py)),
                |own| Some(own.unbind()),
            ));
        }
        many.header_start.push(many.header_key.count as u32);
        {
            let sending = &mut *self.sending.lock();
            many.opaque = calls
                .into_iter()
                .map(|call| self.wait_for(&mut sending.calls, call.map(Waiting::Callback)))
                .collect();
        }
        let mut codes: Vec<krs_code> = vec![0; messages.len()];
        let mut done = 0;
        let result = {
            let (many, codes, done) = (&many, &mut codes, &mut done);
            py.detach(|| {
                let mut records = krs_records::new();
                if many.opaque.iter().all(|token| *token == 0) {
                    records.flags = ffi::KRS_MESSAGE_NO_REPORT;
                }
                records.count = codes.len();
                records.topics = &topic;
                records.topic_count = 1;
                records.partition = many.partition.as_ptr();
                records.timestamp = many.timestamp.as_ptr();
                records.opaque = many.opaque.as_ptr();
                records.key = many.key.column();
                records.value = many.value.column();
                if many.header_key.count > 0 {
                    records.header_start = many.header_start.as_ptr();
                    records.header_key = many.header_key.column();
                    records.header_value = many.header_value.column();
                }
                let place = codes.as_mut_ptr();
                // SAFETY: the columns are alive and as long as they say.
                call(|err| unsafe {
                    ffi::krs_producer_send_batch(client, &records, 0, place, done, err)
                })
            })
        };
        if let Err(error) = &result
            && error.code != ffi::KRS_ERR_QUEUE_FULL
            && !error.is_no_row_yet()
        {
            many.opaque
                .iter()
                .for_each(|token| self.forget_call(*token));
            return Err(raise(py, error));
        }
        codes[done..].fill(ffi::KRS_ERR_QUEUE_FULL);
        let mut accepted = 0;
        for (index, code) in codes.into_iter().enumerate() {
            if code == 0 {
                accepted += 1;
                continue;
            }
            self.forget_call(many.opaque[index]);
            let message = messages.get_item(index)?;
            message.set_item(intern!(py, "_error"), kafka_error(py, code, None, 0)?)?;
        }
        Ok(accepted)
    }

    /// Calls back for what has been reported meanwhile; waits up to `timeout` seconds for the first (-1 = for ever).
    /// Returns the number of events served.
    #[pyo3(signature = (timeout=-1.0))]
    fn poll(slf: &Bound<'_, Self>, timeout: f64) -> PyResult<usize> {
        let py = slf.py();
        slf.get().client()?;
        let mut served = Self::dispatch(slf)?;
        if timeout == 0.0 {
            return Ok(served);
        }
        let deadline = Deadline::after(timeout);
        while served == 0 && !deadline.is_over() {
            let this = slf.get();
            let arrived = until(py, deadline, |slice| {
                let Some(mut state) = this
                    .state
                    .try_lock_for(Duration::from_millis(slice.max(0) as u64))
                else {
                    return Ok(None);
                };
                let Some(state) = state.as_mut() else {
                    return Ok(Some(()));
                };
                Ok(
                    (state.events.left() > 0 || state.events.receive(REPORT_ROWS, slice)?)
                        .then_some(()),
                )
            })?;
            match arrived {
                Ok(None) => break,
                Err(error) if !error.is_closed() => return Err(raise(py, &error)),
                Ok(Some(())) | Err(_) => {}
            }
            slf.get().client()?;
            served = Self::dispatch(slf)?;
        }
        Self::serve_logs(slf)?;
        Ok(served)
    }

    /// Waits until every message has its outcome, and calls back for each; at most `timeout` seconds (-1 = for ever).
    /// Returns the number of messages that are left.
    #[pyo3(signature = (timeout=-1.0))]
    fn flush(slf: &Bound<'_, Self>, timeout: f64) -> PyResult<usize> {
        let py = slf.py();
        let this = slf.get();
        let client = this.client()?;
        let deadline = Deadline::after(timeout);
        loop {
            let slice = deadline.slice_ms();
            let flushed = py.detach(|| {
                // SAFETY: takes any handle.
                call(|err| unsafe {
                    ffi::krs_producer_flush(client, slice, std::ptr::null_mut(), err)
                })
            });
            if let Err(error) = &flushed
                && !error.is_no_row_yet()
            {
                return Err(raise(py, error));
            }
            Self::dispatch(slf)?;
            py.check_signals()?;
            let left = this.untold(client).map_err(|error| raise(py, &error))?;
            if left == 0 || deadline.is_over() {
                return Ok(left);
            }
            if flushed.is_ok() {
                // All have their outcome, and another thread is just telling it.
                py.detach(|| std::thread::sleep(TELLING));
            }
        }
    }

    /// Waits until every message has its outcome, and calls nobody back.
    fn _wait_sent(&self, py: Python<'_>, timeout: f64) -> PyResult<()> {
        let client = self.client()?;
        let ms = Deadline::after(timeout).all_ms();
        let flushed = py.detach(|| {
            // SAFETY: takes any handle.
            call(|err| unsafe { ffi::krs_producer_flush(client, ms, std::ptr::null_mut(), err) })
        });
        match flushed {
            Err(error) if !error.is_no_row_yet() => Err(raise(py, &error)),
            _ => Ok(()),
        }
    }

    fn _purge(&self, py: Python<'_>, flags: u32) -> PyResult<()> {
        let client = self.client()?;
        // SAFETY: takes any handle.
        py.detach(|| call(|err| unsafe { ffi::krs_producer_purge(client, flags, err) }))
            .map_err(|error| raise(py, &error))
    }

    fn _begin(&self, py: Python<'_>) -> PyResult<()> {
        let client = self.client()?;
        // SAFETY: takes any handle.
        call(|err| unsafe { ffi::krs_txn_begin(client, err) }).map_err(|error| raise(py, &error))
    }

    /// A call on the transaction that may take a while: `what` is init, commit, abort or offsets. Callbacks are called
    /// meanwhile.
    fn _txn(
        slf: &Bound<'_, Self>,
        what: &str,
        timeout: f64,
        offsets: Vec<Place>,
        group: &[u8],
    ) -> PyResult<()> {
        let py = slf.py();
        let client = slf.get().client()?;
        let deadline = Deadline::after(timeout);
        let mut raised = None;
        let result = loop {
            let begun = Instant::now();
            let result = if what == "offsets" {
                // librdkafka keeps its time, and does not go on after a slice.
                let (offsets, group, ms) = (offsets.clone(), group.to_vec(), deadline.all_ms());
                interruptible(py, move || send_offsets(client, &offsets, &group, ms))?
            } else {
                let slice = deadline.slice_ms();
                py.detach(|| transact(client, what, slice))
            };
            // The call goes on: its outcome is waited for whatever a callback raises.
            if let Err(error) = Self::dispatch(slf) {
                raised.get_or_insert(error);
            }
            py.check_signals()?;
            match result {
                // What was begun goes on when it is called again, not at once though if it returned at once.
                Err(error)
                    if error.flags & ffi::KRS_ERROR_RETRIABLE != 0 && !deadline.is_over() =>
                {
                    py.detach(|| std::thread::sleep(RETRY.saturating_sub(begun.elapsed())));
                }
                result => break result,
            }
        };
        match (result, raised) {
            (Ok(()), None) => Ok(()),
            (Ok(()), Some(raised)) => Err(raised),
            (Err(error), raised) => {
                let error = raise(py, &error);
                error.set_cause(py, raised);
                Err(error)
            }
        }
    }

    #[getter]
    fn _client(&self) -> PyResult<u64> {
        Ok(self.client()?.id)
    }

    /// For the garbage collector: a callback is often a method of an object that has the producer.
    fn __traverse__(&self, visit: PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        for place in [&self.on_delivery, &self.on_reports] {
            if let Some(callback) = place.try_lock().as_deref().and_then(Option::as_ref) {
                visit.call(callback)?;
            }
        }
        Ok(())
    }

    fn __clear__(&self) {
        let callbacks = (
            self.on_delivery.lock().take(),
            self.on_reports.lock().take(),
        );
        drop(callbacks);
    }

    fn __len__(&self) -> PyResult<usize> {
        self.birth.check("Producer")?;
        let handles = *self.handles.lock();
        Ok(handles.map_or(0, |handles| self.untold(handles.client).unwrap_or(0)))
    }

    /// A producer is true even when nothing is queued.
    fn __bool__(&self) -> bool {
        true
    }

    fn _fd(&self, py: Python<'_>) -> PyResult<i32> {
        self.client()?;
        let fd = py.detach(|| self.state.lock().as_ref().map(|state| state.events.fd()));
        fd.ok_or_else(closed)?.map_err(|error| raise(py, &error))
    }

    #[getter]
    fn _is_closed(&self) -> bool {
        self.client.load(Ordering::Relaxed) == 0
    }

    /// Closes; reports of what was purged are called back for. None: it was closed before.
    fn _close(slf: &Bound<'_, Self>, timeout: f64) -> PyResult<Option<bool>> {
        let py = slf.py();
        let this = slf.get();
        this.birth.check("Producer")?;
        let Some(handles) = this.handles.lock().take() else {
            return Ok(None);
        };
        this.client.store(0, Ordering::Relaxed);
        let ms = Deadline::after(timeout).all_ms();
        let mut how = ffi::krs_close_result::new();
        let result = {
            let how = &mut how;
            // SAFETY: a place for the result.
            py.detach(|| call(|err| unsafe { ffi::krs_client_close(handles.client, ms, how, err) }))
        };
        let told = Self::dispatch(slf);
        let state = py.detach(|| this.state.lock().take());
        if let Some(mut state) = state {
            give_lines(slf.as_any(), state.logs.take())?;
            drop(state);
            // SAFETY: takes any handle.
            let _ = call(|err| unsafe { ffi::krs_chan_free(handles.events, err) });
        }
        told?;
        result.map_err(|error| raise(py, &error))?;
        Ok(Some(how.clean == 1))
    }
}

/// Init, commit or abort; goes on when its time is up.
fn transact(client: krs_client, what: &str, timeout_ms: i32) -> Result<()> {
    // SAFETY: takes any handle.
    call(|err| unsafe {
        match what {
            "init" => ffi::krs_txn_init(client, timeout_ms, err),
            "commit" => ffi::krs_txn_commit(client, timeout_ms, err),
            _ => ffi::krs_txn_abort(client, timeout_ms, err),
        }
    })
}

fn send_offsets(
    client: krs_client,
    offsets: &[Place],
    group: &[u8],
    timeout_ms: i32,
) -> Result<()> {
    let partitions = Partitions::of(offsets);
    let (view, group) = (partitions.view(), krs_bytes::of(Some(group)));
    // SAFETY: partitions and group are alive.
    call(|err| unsafe { ffi::krs_txn_offsets(client, &view, group, timeout_ms, err) })
}

impl Drop for ProducerCore {
    fn drop(&mut self) {
        let state = self.state.get_mut().take();
        if !self.birth.is_here() {
            // The parent's: nothing of it works here, not even giving it back.
            std::mem::forget(state);
            return;
        }
        drop(state);
        if let Some(handles) = self.handles.get_mut().take() {
            // SAFETY: takes any handle.
            let _ = call(|err| unsafe {
                ffi::krs_client_close(handles.client, 0, std::ptr::null_mut(), err)
            });
            // SAFETY: as above.
            let _ = call(|err| unsafe { ffi::krs_chan_free(handles.events, err) });
        }
    }
}
