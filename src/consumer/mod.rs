//! The consumer: rows are pulled when someone asks, and an offset counts only
//! once its row was delivered.

mod held;
mod partitions;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use once_cell::sync::OnceCell;
use parking_lot::{Mutex, RwLock};

use crate::batch::{Batch, Kind, Origin, ROW_FATAL, ROW_MORE, Row};
use crate::chan::{Notify, Queue, ReadyFd, Rows, Wake};
use crate::client::{self, CloseResult};
use crate::conf::{Conf, Options};
use crate::error::{Code, Error, Result, code};
use crate::rd::{self, CommitWait, Event, EventKind, List, Rebalance};
use held::{Held, Lease, deliver, extend_runs};
use partitions::{Partitions, Position};

/// A batch is handed out when it holds this many bytes, whatever `max` says.
const BATCH_BYTES: usize = 16 << 20;
/// Longest wait inside librdkafka while committing or closing.
const SLICE_MS: i32 = 50;

pub struct Consumer {
    /// Gone once the client is closed. Read by all who use it, written by who
    /// closes it. Taken before `state`.
    native: RwLock<Option<Native>>,
    options: Options,
    name: String,
    closing: AtomicBool,
    arrivals: Arc<Notify>,
    /// Set when an event waits that should not wait behind rows.
    attention: Arc<AtomicU32>,
    state: Mutex<State>,
    logs: Option<Arc<Queue>>,
    ready: OnceCell<Arc<ReadyFd>>,
    this: Weak<Self>,
}

/// Dropped in this order: the queues before their client.
struct Native {
    /// Fetched messages and nothing else.
    rows: rd::Queue,
    /// Rebalances, commits, errors, statistics.
    control: rd::Queue,
    /// Always empty.
    tick: rd::Queue,
    client: rd::Client,
}

#[derive(Default)]
struct State {
    partitions: Partitions,
    /// Events that go out before any message.
    events: Rows,
    held: Held,
    leases: Vec<Lease>,
    sequence: u64,
}

const CLOSED: Error = Error::closed("the consumer has been closed");

impl Consumer {
    pub fn open(conf: &Conf) -> Result<Arc<Self>> {
        if conf.get("group.id")?.is_empty() {
            return Err(Error::new(
                code::INVALID_ARG,
                "group.id is not set: a consumer needs the name of its group",
            ));
        }
        let options = conf.options()?;
        let logs = client::log_queue(&options);
        let arrivals = Arc::new(Notify::default());
        let attention = Arc::new(AtomicU32::new(0));
        let events = [
            EventKind::Rebalance,
            EventKind::Commit,
            EventKind::Error,
            EventKind::Stats,
        ];
        let client = rd::Client::consumer(conf.native()?, &events, Some(client::log_sink(&logs)))?;
        let native = Native::new(client, &arrivals, &attention)
            .ok_or_else(|| Error::fixed(code::SYSTEM, "the client has no queue"))?;
        Ok(Arc::new_cyclic(|this| Self {
            name: native.client.name(),
            native: RwLock::new(Some(native)),
            options,
            closing: AtomicBool::new(false),
            arrivals,
            attention,
            state: Mutex::default(),
            logs,
            ready: OnceCell::new(),
            this: Weak::clone(this),
        }))
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn logs(&self) -> Option<&Arc<Queue>> {
        self.logs.as_ref()
    }

    pub fn capacity(&self) -> usize {
        self.options.events_size
    }

    pub fn arrivals(&self) -> &Notify {
        &self.arrivals
    }

    pub fn fatal_error(&self) -> Result<Option<Error>> {
        self.with_native(|native| Ok(native.client.fatal_error()))
    }

    /// How often a waiting application must look in, so as not to be taken for
    /// stuck (`max.poll.interval.ms`).
    pub fn visit_every(&self) -> Duration {
        Duration::from_millis((self.options.max_poll_interval_ms / 3).max(1))
    }

    pub fn has_fd(&self) -> bool {
        self.ready.get().is_some()
    }

    pub fn is_closed(&self) -> bool {
        self.native.read().is_none()
    }

    // ---- group membership ------------------------------------------------

    pub fn subscribe(&self, topics: &[&str]) -> Result<()> {
        let mut list = List::new();
        for topic in topics {
            if topic.is_empty() {
                return Err(Error::argument("topics: a name is empty"));
            }
            list.add(topic, -1, -1001, -1)?;
        }
        if list.is_empty() {
            return Err(Error::argument(
                "topics: expected at least one (krs_consumer_unsubscribe leaves all)",
            ));
        }
        self.with_native(|native| native.client.subscribe(&list))
    }

    pub fn unsubscribe(&self) -> Result<()> {
        self.with_native(|native| native.client.unsubscribe())
    }

    // ---- receiving -------------------------------------------------------

    /// Fills `out`, events first; `None` if there is nothing yet.
    pub fn try_recv(&self, max: usize, out: &mut Batch) -> Option<Result<()>> {
        let result = self.with_native(|native| {
            let mut state = self.state.lock();
            self.look_in(native, &mut state);
            state.events.take(max, out);
            let State {
                partitions, held, ..
            } = &mut *state;
            held.take(partitions, max, out);
            self.drain(native, &mut state, max, out);
            if out.is_empty() {
                catch_up(native, &mut state);
                self.store(native, &mut state);
            } else {
                self.lend(&mut state, out);
            }
            self.settle(native, &state);
            Ok(())
        });
        match result {
            Ok(()) if out.is_empty() => None,
            result => Some(result),
        }
    }

    /// What every call does: the application is alive, events are served, and
    /// what was delivered is stored.
    fn look_in(&self, native: &Native, state: &mut State) {
        native.client.tick(&native.tick);
        self.attention.store(0, Ordering::SeqCst);
        self.store(native, state);
        while let Some(event) = native.control.poll(0) {
            self.serve(native, state, event);
        }
    }

    /// Comes by without taking anything.
    pub fn visit(&self) -> Result<()> {
        self.with_native(|native| {
            self.look_in(native, &mut self.state.lock());
            Ok(())
        })
    }

    fn drain(&self, native: &Native, state: &mut State, max: usize, out: &mut Batch) {
        if out.len() >= max {
            return;
        }
        let mut taker = Taker::new(&mut state.partitions, out);
        native.client.drain(&native.rows, |message| {
            taker.take(&message);
            if taker.out.len() >= max || taker.out.bytes() >= BATCH_BYTES {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
    }

    /// Remembers what goes out with `out`, until it comes back.
    fn lend(&self, state: &mut State, out: &mut Batch) {
        state.sequence += 1;
        out.sequence = state.sequence;
        out.attention = Arc::clone(&self.attention);
        out.origin = self.this.upgrade().map(|this| this as Arc<dyn Origin>);
        state.leases.push(Lease::of(out, state.sequence));
    }

    /// Rows that wait here and in librdkafka.
    pub fn waiting(&self) -> usize {
        let native = self.native.read();
        let native = native.as_ref().map_or(0, |native| native.rows.len());
        let state = self.state.lock();
        native + state.held.len() + state.events.len()
    }

    // ---- events ----------------------------------------------------------

    fn serve(&self, native: &Native, state: &mut State, event: Event) {
        match event.kind() {
            EventKind::Rebalance => self.rebalance(native, state, &event),
            EventKind::Commit => push_commit(&mut state.events, &event),
            EventKind::Error => {
                let flags = if event.is_fatal() { ROW_FATAL } else { 0 };
                push_error(&mut state.events, event.code(), flags, &event.error_text());
            }
            EventKind::Stats => state.events.append(1, |batch| {
                batch.push(&Row {
                    value: Some(event.stats().as_bytes()),
                    ..Row::new(Kind::Stats)
                });
            }),
            EventKind::Messages => hold_messages(state, event),
            EventKind::Reports | EventKind::Other => {}
        }
    }

    fn rebalance(&self, native: &Native, state: &mut State, event: &Event) {
        let list = event.partitions();
        let how = if event.code() == code::ASSIGN_PARTITIONS {
            Rebalance::Assign
        } else {
            Rebalance::Revoke
        };
        if how == Rebalance::Revoke && !native.client.assignment_lost() {
            catch_up(native, state);
            self.store(native, state);
        }
        for entry in list.entries() {
            let assigned = how == Rebalance::Assign;
            let partitions = &mut state.partitions;
            partitions.set_assigned(&entry.topic, entry.partition, assigned);
        }
        if let Err(error) = native.client.rebalance(how, &list, &native.rows) {
            push_error(&mut state.events, error.code, 0, &error.message);
        }
    }

    // ---- offsets ---------------------------------------------------------

    /// Commits what was delivered. `timeout_ms` 0: the outcome comes as a row
    /// with `opaque`; otherwise it is waited for.
    pub fn commit(&self, timeout_ms: i32, opaque: u64) -> Result<()> {
        let own = self.with_native(|native| {
            let mut state = self.state.lock();
            self.settle_leases(&mut state);
            catch_up(native, &mut state);
            self.store(native, &mut state);
            if timeout_ms == 0 {
                native.client.commit_stored(&native.control, opaque)?;
                return Ok(None);
            }
            let own = native
                .client
                .new_queue()
                .ok_or_else(|| Error::fixed(code::SYSTEM, "no queue for the outcome"))?;
            native.client.commit_stored(&own, opaque)?;
            Ok(Some(own))
        })?;
        own.map_or(Ok(()), |own| self.wait_commit(own, timeout_ms))
    }

    fn wait_commit(&self, outcome: rd::Queue, timeout_ms: i32) -> Result<()> {
        let end = (timeout_ms > 0)
            .then(|| Instant::now() + Duration::from_millis(timeout_ms.unsigned_abs().into()));
        let mut outcome = Some(outcome);
        loop {
            let native = self.native.read();
            let Some(native) = native.as_ref() else {
                // The queue must not be given back after its client is gone.
                std::mem::forget(outcome.take());
                return Err(CLOSED);
            };
            if let Some(queue) = &outcome
                && let CommitWait::Done(code, list) = native.client.wait_commit(queue, SLICE_MS)
            {
                return commit_result(code, &list);
            }
            if end.is_some_and(|end| Instant::now() >= end) {
                drop(outcome.take());
                return Err(Error::timed_out());
            }
        }
    }

    /// Rows handed out one by one are delivered before their batch comes back.
    fn settle_leases(&self, state: &mut State) {
        let State {
            partitions, leases, ..
        } = state;
        for lease in leases.iter() {
            lease.deliver(partitions);
        }
    }

    /// Tells librdkafka what was delivered, for its next commit.
    fn store(&self, native: &Native, state: &mut State) {
        if !self.options.auto_offset_store {
            return;
        }
        let mut list = List::new();
        for partition in state.partitions.assigned().filter(|p| p.unstored) {
            if let Some(at) = partition.delivered {
                let added = list.add(
                    &partition.topic,
                    partition.partition,
                    at.offset,
                    at.leader_epoch,
                );
                partition.unstored = added.is_err();
            }
        }
        if !list.is_empty() {
            native.client.store_offsets(&list);
        }
    }

    // ---- readiness -------------------------------------------------------

    pub fn ready_fd(&self) -> Result<&ReadyFd> {
        let ready = self.ready.get_or_try_init(|| {
            let ready = Arc::new(ReadyFd::new(Some(self.visit_every()))?);
            self.arrivals.add(Arc::clone(&ready) as Arc<dyn Wake>);
            Ok(ready)
        })?;
        match self.native.read().as_ref() {
            Some(native) => self.settle(native, &self.state.lock()),
            None => ready.raise(),
        }
        Ok(ready)
    }

    /// Brings the descriptor in line: cleared first, so that what arrives in
    /// between is not missed.
    fn settle(&self, native: &Native, state: &State) {
        if let Some(ready) = self.ready.get() {
            ready.clear();
            let waiting = native.rows.len() + native.control.len();
            if waiting + state.held.len() + state.events.len() > 0 {
                ready.raise();
            }
        }
    }

    // ---- closing ---------------------------------------------------------

    /// Stores what was delivered, commits it, leaves the group.
    pub fn close(&self, timeout_ms: i32) -> Result<CloseResult> {
        if self.closing.swap(true, Ordering::SeqCst) {
            return Err(CLOSED);
        }
        let end = client::deadline(timeout_ms);
        // Receivers hold the lock only while they take rows, never while they wait.
        let native = self.native.write().take();
        self.attention.store(1, Ordering::SeqCst);
        self.arrivals.wake();
        if let Some(ready) = self.ready.get() {
            ready.raise();
        }
        let mut result = CloseResult::default();
        if let Some(native) = native {
            let mut state = self.state.lock();
            self.settle_leases(&mut state);
            state.leases.clear();
            catch_up(&native, &mut state);
            self.store(&native, &mut state);
            let left = self.leave_group(&native, &mut state, end);
            drop(state);
            result.unfinished = !client::destroy(native, end) || !left;
        }
        if let Some(logs) = &self.logs {
            logs.close();
        }
        Ok(result)
    }

    /// Answers what librdkafka asks while it leaves the group; returns whether
    /// it was done by `end`.
    fn leave_group(&self, native: &Native, state: &mut State, end: Instant) -> bool {
        // After a fatal error librdkafka does not leave, and there is no more to do.
        if native.client.start_close(&native.control).is_err() {
            return true;
        }
        while !native.client.has_closed() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let slice = (left.as_millis() as i32).clamp(1, SLICE_MS);
            if let Some(event) = native.control.poll(slice) {
                self.serve(native, state, event);
            }
        }
        true
    }

    fn with_native<T>(&self, body: impl FnOnce(&Native) -> Result<T>) -> Result<T> {
        body(self.native.read().as_ref().ok_or(CLOSED)?)
    }
}

impl Origin for Consumer {
    fn give_back(&self, batch: &mut Batch, delivered: usize) {
        let mut state = self.state.lock();
        let State {
            partitions,
            held,
            leases,
            ..
        } = &mut *state;
        leases.retain(|lease| lease.sequence != batch.sequence);
        deliver(batch, delivered, partitions);
        if delivered < batch.len() {
            let sequence = batch.sequence;
            let rest = std::mem::take(batch);
            held.put_back(sequence, rest, delivered);
        }
    }
}

impl Native {
    fn new(client: rd::Client, arrivals: &Arc<Notify>, attention: &Arc<AtomicU32>) -> Option<Self> {
        let told = Arc::clone(arrivals);
        let rows = client.new_queue()?.on_arrival(move || told.wake());
        let (told, attention) = (Arc::clone(arrivals), Arc::clone(attention));
        let control = client.consumer_queue()?.on_arrival(move || {
            attention.store(1, Ordering::SeqCst);
            told.wake();
        });
        Some(Self {
            rows,
            control,
            tick: client.new_queue()?,
            client,
        })
    }
}

/// Takes messages into a batch, knowing the partition of the one before.
struct Taker<'a> {
    partitions: &'a mut Partitions,
    out: &'a mut Batch,
    last: Option<Last>,
}

#[derive(Clone, Copy)]
struct Last {
    topic_identity: usize,
    partition: i32,
    index: u32,
    topic: u32,
}

impl<'a> Taker<'a> {
    fn new(partitions: &'a mut Partitions, out: &'a mut Batch) -> Self {
        Self {
            partitions,
            out,
            last: None,
        }
    }

    fn take(&mut self, message: &rd::Message<'_>) {
        let of = self.partition_of(message);
        let Some(partition) = self.partitions.get_mut(of.index) else {
            return;
        };
        if !partition.assigned {
            return;
        }
        let generation = partition.generation;
        let message_code = message.code();
        if message_code == code::OK {
            // librdkafka may give a row again after a pause that met a fetch.
            if partition.taken.is_some_and(|next| message.offset() < next) {
                return;
            }
            partition.taken = Some(message.offset() + 1);
            push_message(self.out, message, of.topic);
        } else {
            push_failure(self.out, message, message_code, of.topic);
        }
        extend_runs(self.out, of.index, generation);
    }

    fn partition_of(&mut self, message: &rd::Message<'_>) -> Last {
        let (topic_identity, partition) = (message.topic_identity(), message.partition());
        match self.last {
            Some(last) if last.topic_identity == topic_identity && last.partition == partition => {
                last
            }
            _ => {
                let name = message.topic().unwrap_or_default();
                let last = Last {
                    topic_identity,
                    partition,
                    index: self.partitions.index(name, partition),
                    topic: self.out.topics.index(name),
                };
                self.last = Some(last);
                last
            }
        }
    }
}

fn push_message(out: &mut Batch, message: &rd::Message<'_>, topic: u32) {
    message.for_each_header(|key, value| out.push_header(key, value));
    let (timestamp, timestamp_type) = message.timestamp();
    let row = Row {
        partition: message.partition(),
        offset: message.offset(),
        timestamp,
        timestamp_type,
        leader_epoch: message.leader_epoch(),
        key: message.key(),
        value: message.value(),
        ..Row::new(Kind::Message)
    };
    out.push_with_topic(&row, topic);
}

/// The end of a partition, or an error of it.
fn push_failure(out: &mut Batch, message: &rd::Message<'_>, code: Code, topic: u32) {
    let text = message.error_text();
    let kind = if code == code::PARTITION_EOF {
        Kind::PartitionEof
    } else {
        Kind::Error
    };
    let row = Row {
        code,
        partition: message.partition(),
        offset: message.offset(),
        value: Some(text.as_bytes()),
        ..Row::new(kind)
    };
    out.push_with_topic(&row, topic);
}

/// Messages belong on the queue for rows; should librdkafka ever put one among
/// the events, it is delivered all the same.
fn hold_messages(state: &mut State, mut event: Event) {
    let mut rows = Batch::default();
    let mut taker = Taker::new(&mut state.partitions, &mut rows);
    for message in event.messages() {
        taker.take(&message);
    }
    state.sequence += 1;
    state.held.put_back(state.sequence, rows, 0);
}

fn push_commit(events: &mut Rows, event: &Event) {
    let entries: Vec<_> = event.partitions().entries().collect();
    if entries.is_empty() {
        events.append(1, |batch| {
            batch.push(&Row {
                code: event.code(),
                opaque: event.opaque(),
                ..Row::new(Kind::Commit)
            });
        });
    }
    for (index, entry) in entries.iter().enumerate() {
        let code = if entry.code == code::OK {
            event.code()
        } else {
            entry.code
        };
        events.append(1, |batch| {
            batch.push(&Row {
                code,
                flags: if index + 1 < entries.len() {
                    ROW_MORE
                } else {
                    0
                },
                topic: Some(&entry.topic),
                partition: entry.partition,
                offset: entry.offset,
                leader_epoch: entry.leader_epoch,
                opaque: event.opaque(),
                ..Row::new(Kind::Commit)
            });
        });
    }
}

fn push_error(events: &mut Rows, code: Code, flags: u8, text: &str) {
    events.append(1, |batch| {
        batch.push(&Row {
            code,
            flags,
            value: Some(text.as_bytes()),
            ..Row::new(Kind::Error)
        });
    });
}

fn commit_result(code: Code, list: &List) -> Result<()> {
    let failed = list.entries().find(|entry| entry.code != code::OK);
    match (code, failed) {
        (code::OK, None) => Ok(()),
        (code::OK, Some(entry)) => Err(Error::new(
            entry.code,
            format!(
                "commit of {} [{}] at {}: {}",
                entry.topic,
                entry.partition,
                entry.offset,
                rd::describe(entry.code)
            ),
        )),
        (code, _) => Err(Error::new(code, format!("commit: {}", rd::describe(code)))),
    }
}

/// Where all that was taken has been delivered, the position steps over control
/// records too, which are never rows.
fn catch_up(native: &Native, state: &mut State) {
    let mut list = List::new();
    for partition in state.partitions.assigned().filter(|p| p.is_caught_up()) {
        // A name that librdkafka gave us has no NUL.
        let _ = list.add(&partition.topic, partition.partition, -1001, -1);
    }
    if list.is_empty() || native.client.position(&list).is_err() {
        return;
    }
    for entry in list.entries() {
        let index = state.partitions.index(&entry.topic, entry.partition);
        if let Some(partition) = state.partitions.get_mut(index)
            && let Some(delivered) = partition.delivered
            && entry.offset > delivered.offset
        {
            partition.taken = Some(entry.offset);
            partition.delivered = Some(Position {
                offset: entry.offset,
                ..delivered
            });
            partition.unstored = true;
        }
    }
}
