//! The producer: what it accepts is remembered until there is a report of it.

mod line;
mod slab;
mod txn;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{MappedRwLockReadGuard, Mutex};
use smallvec::SmallVec;

pub use crate::rd::RUN_LEN;
pub use slab::Report;

use crate::batch::{Batch, Kind, NO_TOPIC, ROW_FATAL, Row};
use crate::chan::{Message, Notify, Queue, Source};
use crate::client::{self, CloseResult, LastStats};
use crate::conf::go::ReportFields;
use crate::conf::{Conf, Options};
use crate::error::{Code, Error, Result, code};
use crate::rd::{self, Event, EventKind};
use crate::shared::{Share, Shared};
use line::Line;
use slab::{Accepted, Outstanding};

/// Longest time inside librdkafka while flushing: reports are delivered between.
const FLUSH_SLICE: Duration = Duration::from_millis(10);
/// Reports that are dealt with under one lock of the slab, which senders need.
const REPORTS_AT_ONCE: usize = 128;
/// Part of a close's time that is kept for what is purged.
const CLOSE_RESERVE: Duration = Duration::from_millis(200);
/// Giving the native client back takes this long at most, where brokers answer.
const LONGEST_END: Duration = Duration::from_millis(100);

pub struct Producer {
    native: Shared<Native>,
    /// Held by who waits for it.
    txn: Mutex<Option<txn::UnderWay>>,
    options: Options,
    name: String,
    closing: AtomicBool,
    arrivals: Arc<Arrivals>,
    outstanding: Outstanding,
    delivering: Mutex<()>,
    /// The client's own channel.
    events: Arc<Queue>,
    logs: Option<Arc<Queue>>,
    stats: LastStats,
    /// Reports that a closed channel could not take.
    redirected: AtomicU64,
    /// Told when librdkafka or a report channel may have room again.
    room: Notify,
    /// Who waits for that.
    line: Line,
    this: Weak<Self>,
}

/// Dropped in this order: the queue before its client.
pub struct Native {
    main: rd::Queue,
    pub client: rd::Client,
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
    producer: Arc<Producer>,
}

impl Topic {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn producer(&self) -> &Arc<Producer> {
        &self.producer
    }
}

const CLOSED: Error = Error::closed("the producer has been closed");
const NO_PLACE: Error = Error::fixed(
    code::QUEUE_FULL,
    "the report channel has no room for one more report",
);

/// Messages that are sent with one call.
pub type Run<'a> = SmallVec<[Message<'a>; RUN_LEN]>;
/// Messages with a result, and what was remembered of them.
type Settled<'a> = SmallVec<[(rd::Sent<'a>, Accepted); REPORTS_AT_ONCE]>;
/// What came of the first messages of a run.
pub type Codes = SmallVec<[Code; RUN_LEN]>;

impl Producer {
    pub fn open(conf: &Conf) -> Result<Arc<Self>> {
        let options = conf.options()?;
        let logs = client::log_queue(&options);
        let events = [
            EventKind::Reports,
            EventKind::Error,
            EventKind::Stats,
            EventKind::TokenRefresh,
        ];
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
            native: Shared::new(Native { main, client }),
            txn: Mutex::default(),
            closing: AtomicBool::new(false),
            arrivals,
            outstanding: Outstanding::default(),
            delivering: Mutex::new(()),
            events: Queue::of_client(options.events_size),
            logs,
            stats: LastStats::default(),
            redirected: AtomicU64::new(0),
            room: Notify::default(),
            line: Line::default(),
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

    pub fn closing(&self) -> &AtomicBool {
        &self.closing
    }

    pub fn logs(&self) -> Option<&Arc<Queue>> {
        self.logs.as_ref()
    }

    pub fn stats(&self) -> &LastStats {
        &self.stats
    }

    /// Reports that a closed channel could not take.
    pub fn redirected(&self) -> u64 {
        self.redirected.load(Ordering::Relaxed)
    }

    pub fn produce_capacity(&self) -> usize {
        self.options.produce_size
    }

    pub fn fatal_error(&self) -> Result<Option<Error>> {
        Ok(self.native()?.client.fatal_error())
    }

    pub fn topic(self: &Arc<Self>, name: &str) -> Result<Arc<Topic>> {
        if name.is_empty() {
            return Err(Error::argument("topic: the name is empty"));
        }
        let native = self.native()?.client.topic(name).map_err(|error| Error {
            message: format!("topic {name:?}: {}", error.message).into(),
            ..error
        })?;
        Ok(Arc::new(Topic {
            name: name.to_owned(),
            native,
            producer: Arc::clone(self),
        }))
    }

    // ---- sending ---------------------------------------------------------

    /// Accepts a message; `None` if there is no room for it now.
    pub fn try_send(&self, message: &Message<'_>) -> Option<Result<()>> {
        self.deliver();
        if self.must_wait() {
            return None;
        }
        let mut result = self.send_once(message);
        if is_full(&result) {
            self.deliver_for_room();
            result = self.send_once(message);
        }
        self.keep_line(usize::from(result.is_ok()), result.as_ref().err());
        (!is_full(&result)).then_some(result)
    }

    /// Others wait for room, and were there first.
    fn must_wait(&self) -> bool {
        !self.line.lets_in() && self.still_open().is_ok()
    }

    /// Whoever waits for its report channel is in nobody's way.
    fn keep_line(&self, sent: usize, refused: Option<&Error>) {
        self.line.sent(sent);
        if refused.is_some_and(|error| *error == NO_PLACE) {
            self.leave_line();
        }
    }

    /// Waits in line for room, from now on.
    pub fn join_line(&self) {
        if self.line.join() {
            self.room.wake();
        }
    }

    pub fn leave_line(&self) {
        if self.line.leave() {
            self.room.wake();
        }
    }

    fn send_once(&self, message: &Message<'_>) -> Result<()> {
        let topic = message
            .topic
            .ok_or_else(|| Error::argument("message: no topic is set"))?;
        let native = self.sending()?;
        if let Report::To(queue) = &message.report
            && queue.reserve(&self.as_source(), 1)? == 0
        {
            return Err(NO_PLACE);
        }
        let token = self.outstanding.insert(Accepted::of(message));
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

    /// Accepts messages that [run together](Message::runs_with), in order, as many
    /// as there is room for, and tells what came of each.
    pub fn try_send_run(&self, run: &[Message<'_>]) -> Codes {
        self.deliver();
        if self.must_wait() {
            return Codes::new();
        }
        let mut codes = self.send_run_once(run);
        if codes.len() < run.len() {
            self.deliver_for_room();
            codes.extend(self.send_run_once(&run[codes.len()..]));
        }
        self.line.sent(codes.len());
        codes
    }

    fn send_run_once(&self, run: &[Message<'_>]) -> Codes {
        let result = match run {
            [message] => self
                .send_once(message)
                .map(|()| Codes::from_elem(code::OK, 1)),
            _ => self.send_several(run),
        };
        match result {
            Ok(codes) => codes,
            Err(full) if full.code == code::QUEUE_FULL => Codes::new(),
            Err(refused) => Codes::from_elem(refused.code, run.len()),
        }
    }

    fn send_several(&self, run: &[Message<'_>]) -> Result<Codes> {
        let native = self.sending()?;
        let (Some(first), Some(topic)) = (run.first(), run.first().and_then(|m| m.topic)) else {
            return Ok(Codes::new());
        };
        let granted = match &first.report {
            Report::To(queue) => queue.reserve(&self.as_source(), run.len())?,
            _ => run.len(),
        };
        let accepted = run[..granted].iter().map(Accepted::of);
        let tokens: SmallVec<[u64; RUN_LEN]> = self.outstanding.insert_all(accepted);
        let plain = run.iter().zip(&tokens).map(|(message, token)| rd::Plain {
            key: message.key,
            value: message.value,
            token: *token,
        });
        let codes = native
            .client
            .produce_run(topic.native, first.partition, plain);
        let mut codes = codes.unwrap_or_else(|error| SmallVec::from_elem(error.code, granted));
        for (code, token) in codes.iter().zip(tokens) {
            if *code != code::OK {
                self.forget(token);
            }
        }
        if let Some(full) = codes.iter().position(|code| *code == code::QUEUE_FULL) {
            codes.truncate(full);
        }
        Ok(codes)
    }

    /// The native client, as long as it may be sent to.
    fn sending(&self) -> Result<MappedRwLockReadGuard<'_, Native>> {
        let native = self.native()?;
        if self.closing.load(Ordering::SeqCst) {
            return Err(CLOSED);
        }
        Ok(native)
    }

    /// Room may be held by reports that wait to be delivered.
    fn deliver_for_room(&self) {
        self.arrivals.waiting.store(true, Ordering::SeqCst);
        self.deliver();
    }

    /// A message that librdkafka refused has no report.
    fn forget(&self, token: u64) {
        let accepted = self.outstanding.forget(token);
        if let Some(Report::To(queue)) = accepted.map(|accepted| accepted.report) {
            queue.release();
        }
    }

    /// Accepted messages without a result.
    pub fn pending(&self) -> usize {
        self.deliver();
        self.outstanding.pending()
    }

    /// Sends without lingering until there is a result for every message or
    /// the time is up; returns how many have none.
    pub fn flush(&self, timeout_ms: i32) -> Result<usize> {
        let end = u64::try_from(timeout_ms)
            .ok()
            .map(|timeout| Instant::now() + Duration::from_millis(timeout));
        self.still_open()?;
        self.flush_until(end)
    }

    fn flush_until(&self, end: Option<Instant>) -> Result<usize> {
        let mut slice = Duration::from_millis(1);
        loop {
            let before = self.outstanding.pending();
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
            let native = self.share()?;
            native.client.hurry((time.as_millis() as i32).max(1));
        }
    }

    pub fn purge(&self, queued: bool, in_flight: bool) -> Result<()> {
        self.native()?.client.purge(queued, in_flight)?;
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
            for throttle in native.client.throttles() {
                self.push_event(&client::throttle_row(&throttle));
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
            EventKind::Stats => {
                let stats = event.stats();
                self.stats.keep(&stats);
                self.push_text(Kind::Stats, &stats);
            }
            EventKind::TokenRefresh => self.push_text(Kind::TokenRefresh, &event.config()),
            _ => {}
        }
    }

    fn push_text(&self, kind: Kind, text: &str) {
        self.push_event(&Row {
            value: Some(text.as_bytes()),
            ..Row::new(kind)
        });
    }

    /// What is only for information is dropped where reports fill the channel.
    fn push_event(&self, row: &Row<'_>) {
        if row.flags & ROW_FATAL != 0 {
            self.events.push_reports(1, |batch| batch.push(row));
        } else {
            self.events.push_or_drop(|batch, _| batch.push(row));
        }
    }

    fn take_reports(&self, mut event: Event) {
        let Some(mut reports) = event.reports() else {
            return;
        };
        let mut told = reports.by_ref().peekable();
        while told.peek().is_some() {
            let some = told.by_ref().take(REPORTS_AT_ONCE);
            let some = some.map(|sent| (sent.token(), sent));
            let settled: Settled<'_> = self.outstanding.take(some);
            for run in settled.chunk_by(|one, next| one.1.report == next.1.report) {
                self.report(&run[0].1.report, run.len(), |batch| {
                    push_reports(batch, run, self.options.report_fields);
                });
            }
            self.outstanding.settle(settled.len());
        }
        self.outstanding.settle_untold(reports.untold());
    }

    /// Adds `count` rows, which `push` pushes, to the channel that they are for.
    fn report(&self, to: &Report, count: usize, push: impl Fn(&mut Batch)) {
        match to {
            Report::None => {}
            Report::Client if !self.options.delivery_reports => {}
            Report::Client => self.events.push_reports(count, push),
            Report::To(queue) => {
                if !queue.push_reserved(count, &push) {
                    // Closed meanwhile: the reports are not lost.
                    self.redirected.fetch_add(count as u64, Ordering::Relaxed);
                    self.events.push_reports(count, push);
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
        let over = client::deadline(timeout_ms);
        let now = Instant::now();
        let end = over - (over.saturating_duration_since(now) / 6).min(LONGEST_END);
        let reserve = CLOSE_RESERVE.min(end.saturating_duration_since(now) / 4);
        let in_time = self.flush_until(Some(end - reserve))?;
        let mut result = CloseResult::default();
        if in_time > 0 {
            self.purge(true, true)?;
            let unknown = self.flush_until(Some(end))?;
            result.purged = in_time - unknown.min(in_time);
        }
        // Waits for sends that are inside the core, which then see `closing`.
        let native = self.native.take();
        if let Some(native) = native {
            self.deliver_from(&native);
            result.unknown = self.report_unknown();
            result.unfinished = !native.end(over);
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
        let (left, untold) = self.outstanding.drain();
        for accepted in &left {
            self.report(&accepted.report, 1, |batch| {
                batch.push(&Row {
                    code: code::OUTCOME_UNKNOWN,
                    opaque: accepted.opaque,
                    ..Row::new(Kind::Report)
                });
            });
        }
        self.outstanding.settle(left.len());
        left.len() + untold
    }

    // ---- plumbing --------------------------------------------------------

    pub fn still_open(&self) -> Result<()> {
        self.native().map(|_| ())
    }

    /// For calls that do not wait.
    fn native(&self) -> Result<MappedRwLockReadGuard<'_, Native>> {
        self.native.read().ok_or(CLOSED)
    }

    /// For calls that wait for a broker.
    pub fn share(&self) -> Result<Share<Native>> {
        self.native.share().ok_or(CLOSED)
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
            && let Some(native) = self.native.read()
        {
            self.deliver_from(&native);
        }
    }

    fn arrivals(&self) -> &Notify {
        &self.arrivals.notify
    }
}

fn is_full(result: &Result<()>) -> bool {
    matches!(result, Err(error) if error.code == code::QUEUE_FULL)
}

fn push_reports(batch: &mut Batch, run: &[(rd::Sent<'_>, Accepted)], fields: ReportFields) {
    for alike in run.chunk_by(|one, next| one.0.is_like(&next.0)) {
        let first = alike[0].0;
        let (_, timestamp_type) = first.timestamp();
        for (message, accepted) in alike {
            if fields.headers {
                message.for_each_header(|key, value| batch.push_header(key, value));
            }
            batch.push_differing(
                message.offset(),
                message.timestamp().0,
                message.key().filter(|_| fields.key),
                message.value().filter(|_| fields.value),
            );
            batch.opaque.push(accepted.opaque);
        }
        let topic = first
            .topic()
            .map_or(NO_TOPIC, |name| batch.topics.index(name));
        let row = Row {
            code: first.code(),
            partition: first.partition(),
            timestamp_type,
            ..Row::new(Kind::Report)
        };
        batch.complete(&row, topic);
    }
}
