//! The producer: what it accepts is remembered until there is a report of it.

mod slab;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};

pub use slab::Report;

use crate::batch::{Batch, Kind, ROW_FATAL, Row};
use crate::chan::{Message, Notify, Queue, Reports, Source};
use crate::client::{self, CloseResult};
use crate::conf::go::ReportFields;
use crate::conf::{Conf, Options};
use crate::error::{Error, Result, code};
use crate::rd::{self, Event, EventKind};
use slab::{Accepted, Slab};

/// Longest time inside librdkafka while flushing: reports are delivered between.
const FLUSH_SLICE: Duration = Duration::from_millis(10);
/// Part of a close's time that is kept for what is purged.
const CLOSE_RESERVE: Duration = Duration::from_millis(200);

pub struct Producer {
    /// Gone once the client is closed. Read by all who use it, written by who
    /// closes it.
    native: RwLock<Option<Native>>,
    options: Options,
    name: String,
    closing: AtomicBool,
    arrivals: Arc<Arrivals>,
    slab: Mutex<Slab>,
    /// Accepted messages whose report has not reached its channel.
    pending: AtomicUsize,
    delivering: Mutex<()>,
    /// The client's own channel.
    events: Arc<Queue>,
    logs: Option<Arc<Queue>>,
    /// Told when librdkafka or a report channel may have room again.
    room: Notify,
    this: Weak<Self>,
}

/// Dropped in this order: the queue before its client.
struct Native {
    main: rd::Queue,
    client: rd::Client,
}

/// What librdkafka's threads tell us.
#[derive(Default)]
struct Arrivals {
    waiting: AtomicBool,
    notify: Notify,
}

/// A topic of one producer, for as long as the producer is open.
pub struct Topic {
    name: String,
    native: rd::Topic,
}

impl Topic {
    pub fn name(&self) -> &str {
        &self.name
    }
}

const CLOSED: Error = Error::closed("the producer has been closed");

impl Producer {
    pub fn open(conf: &Conf) -> Result<Arc<Self>> {
        let options = conf.options()?;
        let logs = client::log_queue(&options);
        let events = [EventKind::Reports, EventKind::Error, EventKind::Stats];
        let client = rd::Client::producer(conf.native()?, &events, Some(client::log_sink(&logs)))?;
        let arrivals = Arc::new(Arrivals::default());
        let main = client
            .main_queue()
            .ok_or_else(|| Error::fixed(code::SYSTEM, "the client has no queue"))?;
        let told = Arc::clone(&arrivals);
        let main = main.on_arrival(move || {
            told.waiting.store(true, Ordering::SeqCst);
            told.notify.wake();
        });
        let producer = Arc::new_cyclic(|this| Self {
            name: client.name(),
            native: RwLock::new(Some(Native { main, client })),
            closing: AtomicBool::new(false),
            arrivals,
            slab: Mutex::default(),
            pending: AtomicUsize::new(0),
            delivering: Mutex::new(()),
            events: Queue::of_client(options.events_size),
            logs,
            room: Notify::default(),
            this: Weak::clone(this),
            options,
        });
        producer.events.add_source(&producer.as_source());
        Ok(producer)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn events(&self) -> &Arc<Queue> {
        &self.events
    }

    pub fn logs(&self) -> Option<&Arc<Queue>> {
        self.logs.as_ref()
    }

    pub fn produce_capacity(&self) -> usize {
        self.options.produce_size
    }

    pub fn fatal_error(&self) -> Result<Option<Error>> {
        self.with_native(|native| Ok(native.client.fatal_error()))
    }

    pub fn topic(&self, name: &str) -> Result<Arc<Topic>> {
        if name.is_empty() {
            return Err(Error::argument("topic: the name is empty"));
        }
        let native = self.with_native(|native| {
            native.client.topic(name).map_err(|error| Error {
                message: format!("topic {name:?}: {}", error.message).into(),
                ..error
            })
        })?;
        Ok(Arc::new(Topic {
            name: name.to_owned(),
            native,
        }))
    }

    // ---- sending ---------------------------------------------------------

    /// Accepts a message; `None` if there is no room for it now.
    pub fn try_send(&self, message: &Message<'_>) -> Option<Result<()>> {
        self.deliver();
        let mut result = self.send_once(message);
        if is_full(&result) {
            // The room may be held by reports that wait to be delivered.
            self.arrivals.waiting.store(true, Ordering::SeqCst);
            self.deliver();
            result = self.send_once(message);
        }
        (!is_full(&result)).then_some(result)
    }

    fn send_once(&self, message: &Message<'_>) -> Result<()> {
        let topic = message
            .topic
            .as_ref()
            .ok_or_else(|| Error::argument("message: no topic is set"))?;
        let native = self.native.read();
        let native = native.as_ref().ok_or(CLOSED)?;
        if self.closing.load(Ordering::SeqCst) {
            return Err(CLOSED);
        }
        if let Report::To(queue) = &message.report {
            queue.reserve(&self.as_source())?;
        }
        let token = self.slab.lock().insert(Accepted {
            opaque: message.opaque,
            report: message.report.clone(),
        });
        self.pending.fetch_add(1, Ordering::SeqCst);
        let sent = native.client.produce(
            topic.native,
            rd::Outgoing {
                partition: message.partition,
                key: message.key,
                value: message.value,
                has_headers: !message.headers.is_empty(),
                headers: &mut message.headers.iter(),
                timestamp: message.timestamp,
                token,
            },
        );
        if sent.is_err() {
            self.forget(token);
        }
        sent
    }

    /// A message that librdkafka refused has no report.
    fn forget(&self, token: u64) {
        let accepted = self.slab.lock().remove(token);
        self.pending.fetch_sub(1, Ordering::SeqCst);
        if let Some(Report::To(queue)) = accepted.map(|accepted| accepted.report) {
            queue.release();
        }
    }

    /// Accepted messages without a result.
    pub fn pending(&self) -> usize {
        self.deliver();
        self.pending.load(Ordering::SeqCst)
    }

    /// Sends without lingering until there is a result for every message or
    /// the time is up; returns how many have none.
    pub fn flush(&self, timeout_ms: i32) -> Result<usize> {
        let end = u64::try_from(timeout_ms)
            .ok()
            .map(|timeout| Instant::now() + Duration::from_millis(timeout));
        self.with_native(|_| Ok(()))?;
        self.flush_until(end)
    }

    fn flush_until(&self, end: Option<Instant>) -> Result<usize> {
        let mut slice = Duration::from_millis(1);
        loop {
            let before = self.pending.load(Ordering::SeqCst);
            let pending = self.pending();
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if pending == 0 || left.is_some_and(|left| left.is_zero()) {
                return Ok(pending);
            }
            slice = if pending < before {
                Duration::from_millis(1)
            } else {
                FLUSH_SLICE.min(slice * 2)
            };
            let time = left.map_or(slice, |left| left.min(slice));
            self.with_native(|native| {
                native.client.hurry((time.as_millis() as i32).max(1));
                Ok(())
            })?;
        }
    }

    pub fn purge(&self, queued: bool, in_flight: bool) -> Result<()> {
        self.with_native(|native| native.client.purge(queued, in_flight))?;
        self.deliver();
        Ok(())
    }

    // ---- reports ---------------------------------------------------------

    fn deliver_from(&self, native: &Native) {
        while self.arrivals.waiting.load(Ordering::SeqCst) {
            // Who holds the lock sees the flag again before it leaves.
            let Some(guard) = self.delivering.try_lock() else {
                return;
            };
            self.arrivals.waiting.store(false, Ordering::SeqCst);
            let mut reported = false;
            while let Some(event) = native.main.poll(0) {
                reported |= event.kind() == EventKind::Reports;
                self.take(event);
            }
            drop(guard);
            if reported {
                self.room.wake();
            }
        }
    }

    fn take(&self, event: Event) {
        match event.kind() {
            EventKind::Reports => self.take_reports(event),
            EventKind::Error => self.push_event(&Row {
                code: event.code(),
                flags: if event.is_fatal() { ROW_FATAL } else { 0 },
                value: Some(event.error_text().as_bytes()),
                ..Row::new(Kind::Error)
            }),
            EventKind::Stats => self.push_event(&Row {
                value: Some(event.stats().as_bytes()),
                ..Row::new(Kind::Stats)
            }),
            _ => {}
        }
    }

    fn push_event(&self, row: &Row<'_>) {
        self.events.push_or_drop(|batch, _| batch.push(row));
    }

    fn take_reports(&self, mut event: Event) {
        let messages: Vec<rd::Message<'_>> = event.messages().collect();
        let accepted: Vec<Option<Accepted>> = {
            let mut slab = self.slab.lock();
            messages.iter().map(|m| slab.remove(m.token())).collect()
        };
        let mut sink: Option<Reports<'_>> = None;
        let mut topic = TopicName::default();
        for (message, accepted) in messages.iter().zip(&accepted) {
            if let Some(accepted) = accepted {
                let fields = self.options.report_fields;
                let topic = topic.of(message);
                self.report(accepted, &mut sink, |batch| {
                    push_report(batch, message, topic, accepted.opaque, fields);
                });
            }
        }
        drop(sink);
        let settled = accepted.iter().flatten().count();
        self.pending.fetch_sub(settled, Ordering::SeqCst);
    }

    /// Adds a report to its channel, which stays locked in `sink` for the next.
    fn report<'a>(
        &'a self,
        accepted: &'a Accepted,
        sink: &mut Option<Reports<'a>>,
        push: impl FnOnce(&mut Batch),
    ) {
        match &accepted.report {
            Report::None => {}
            Report::Client if !self.options.delivery_reports => {}
            Report::Client => locked(sink, &self.events).push(push),
            Report::To(queue) => {
                let own = locked(sink, queue);
                if own.claim_reserved() {
                    own.push(push);
                } else {
                    // Closed meanwhile: the report is not lost.
                    locked(sink, &self.events).push(push);
                }
            }
        }
    }

    // ---- closing ---------------------------------------------------------

    /// Sends what it can, purges the rest, and leaves nothing without a report.
    pub fn close(&self, timeout_ms: i32) -> Result<CloseResult> {
        if self.closing.swap(true, Ordering::SeqCst) {
            return Err(CLOSED);
        }
        let end = client::deadline(timeout_ms);
        let now = Instant::now();
        let reserve = CLOSE_RESERVE.min(end.saturating_duration_since(now) / 4);
        let in_time = self.flush_until(Some(end - reserve))?;
        let mut result = CloseResult::default();
        if in_time > 0 {
            self.purge(true, true)?;
            let unknown = self.flush_until(Some(end))?;
            result.purged = in_time - unknown.min(in_time);
        }
        // Waits for sends that are inside the core, which then see `closing`.
        let native = self.native.write().take();
        if let Some(native) = native {
            self.deliver_from(&native);
            result.unknown = self.report_unknown();
            result.unfinished = !client::destroy(native, end);
        }
        self.events.close();
        if let Some(logs) = &self.logs {
            logs.close();
        }
        self.room.wake();
        self.arrivals.notify.wake();
        Ok(result)
    }

    /// Reports what librdkafka still holds; its own late reports find no slot.
    fn report_unknown(&self) -> usize {
        let left: Vec<Accepted> = self.slab.lock().drain().collect();
        let mut sink = None;
        for accepted in &left {
            self.report(accepted, &mut sink, |batch| {
                batch.push(&Row {
                    code: code::OUTCOME_UNKNOWN,
                    opaque: accepted.opaque,
                    ..Row::new(Kind::Report)
                });
            });
        }
        drop(sink);
        self.pending.fetch_sub(left.len(), Ordering::SeqCst);
        left.len()
    }

    // ---- plumbing --------------------------------------------------------

    fn with_native<T>(&self, body: impl FnOnce(&Native) -> Result<T>) -> Result<T> {
        body(self.native.read().as_ref().ok_or(CLOSED)?)
    }

    fn as_source(&self) -> Weak<dyn Source> {
        Weak::clone(&self.this) as Weak<dyn Source>
    }

    pub fn room(&self) -> &Notify {
        &self.room
    }
}

impl Source for Producer {
    fn deliver(&self) {
        if self.arrivals.waiting.load(Ordering::SeqCst)
            && let Some(native) = self.native.read().as_ref()
        {
            self.deliver_from(native);
        }
    }

    fn arrivals(&self) -> &Notify {
        &self.arrivals.notify
    }
}

fn is_full(result: &Result<()>) -> bool {
    matches!(result, Err(error) if error.code == code::QUEUE_FULL)
}

fn locked<'s, 'a>(sink: &'s mut Option<Reports<'a>>, queue: &'a Queue) -> &'s mut Reports<'a> {
    if sink.as_ref().is_none_or(|held| !held.is(queue)) {
        // Never two queues at once.
        *sink = None;
    }
    sink.get_or_insert_with(|| queue.reports())
}

/// The topic's name of the message before: most often it is the same.
#[derive(Default)]
struct TopicName<'a> {
    identity: usize,
    name: Option<&'a str>,
}

impl<'a> TopicName<'a> {
    fn of(&mut self, message: &rd::Message<'a>) -> Option<&'a str> {
        if self.identity != message.topic_identity() {
            self.identity = message.topic_identity();
            self.name = message.topic();
        }
        self.name
    }
}

fn push_report(
    batch: &mut Batch,
    message: &rd::Message<'_>,
    topic: Option<&str>,
    opaque: u64,
    fields: ReportFields,
) {
    if fields.headers {
        message.for_each_header(|key, value| batch.push_header(key, value));
    }
    let (timestamp, timestamp_type) = message.timestamp();
    batch.push(&Row {
        code: message.code(),
        topic,
        partition: message.partition(),
        offset: message.offset(),
        timestamp,
        timestamp_type,
        opaque,
        key: message.key().filter(|_| fields.key),
        value: message.value().filter(|_| fields.value),
        ..Row::new(Kind::Report)
    });
}
