//! The consumer: rows are pulled when someone asks, and an offset counts only
//! once its row was delivered.

mod held;
mod membership;
mod offsets;
mod partitions;
mod taker;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use once_cell::sync::OnceCell;
use parking_lot::{MappedRwLockReadGuard, Mutex};

use crate::batch::{Batch, Kind, Origin, ROW_FATAL, ROW_LOST, Row, Run};
use crate::chan::{Notify, Queue, ReadyFd, Rows, Wake};
use crate::client::{self, CloseResult, LastStats};
use crate::conf::{Conf, Options};
use crate::error::{Code, Error, Result, code};
use crate::partition::{self, TopicPartition};
use crate::rd::{self, Assign, Event, EventKind, List};
use crate::shared::{Share, Shared};
use held::{EVENTS, Held, Lease, deliver, is_rebalance};
use partitions::Partitions;
use taker::{Most, Taker};

/// A batch is handed out when it holds this many bytes, whatever `max` says.
const BATCH_BYTES: usize = 16 << 20;
/// Longest wait inside librdkafka while committing or closing.
const SLICE_MS: i32 = 50;

pub struct Consumer {
    /// Taken before `state`.
    native: Shared<Native>,
    options: Options,
    name: String,
    closing: AtomicBool,
    arrivals: Arc<Notify>,
    attention: Arc<Attention>,
    state: Mutex<State>,
    stats: LastStats,
    logs: Option<Arc<Queue>>,
    ready: OnceCell<Arc<ReadyFd>>,
    this: Weak<Self>,
}

/// Leaves its group when dropped; then its fields go in this order, the queues before
/// their client.
pub struct Native {
    /// Fetched messages and nothing else.
    rows: rd::Queue,
    /// Rebalances, commits, errors, statistics.
    control: rd::Queue,
    /// Always empty.
    tick: rd::Queue,
    /// The group keeps its place when it is gone.
    stays: bool,
    pub client: rd::Client,
}

/// The words in the views of all batches that are out. Its lock comes last: an
/// arrival takes it under a lock of librdkafka.
#[derive(Default)]
struct Attention(Mutex<Vec<Arc<AtomicU32>>>);

#[derive(Default)]
struct State {
    partitions: Partitions,
    /// Events that go out before any message.
    events: Rows,
    held: Held,
    leases: Vec<Lease>,
    sequence: u64,
    /// The number of the row that is taken next, from librdkafka or the events.
    next_row: u64,
    /// The application wants to answer rebalances.
    application_rebalance: bool,
    rebalance: Option<Rebalance>,
    rebalances: u64,
    /// What was revoked by rows that have not come back, by the rebalance's number.
    revoked: Vec<(u64, Vec<TopicPartition>)>,
    /// Where to go as soon as librdkafka has begun to fetch.
    seeks: Vec<TopicPartition>,
}

/// A rebalance that waits for its answer.
struct Rebalance {
    number: u64,
    assigned: bool,
    lost: bool,
    partitions: Vec<TopicPartition>,
}

/// What the core itself counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    pub rows_held: u64,
    pub rows_withheld: u64,
    pub rows_stale: u64,
    pub bytes_held: u64,
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
        let attention = Arc::new(Attention::default());
        let events = [
            EventKind::Rebalance,
            EventKind::Commit,
            EventKind::Error,
            EventKind::Stats,
            EventKind::TokenRefresh,
        ];
        let client = rd::Client::consumer(conf.native()?, &events, Some(client::log_sink(&logs)))?;
        let native = Native::new(client, options.stays_in_group, &arrivals, &attention)
            .ok_or_else(|| Error::fixed(code::SYSTEM, "the client has no queue"))?;
        Ok(Arc::new_cyclic(|this| Self {
            name: native.client.name(),
            native: Shared::new(native),
            closing: AtomicBool::new(false),
            arrivals,
            attention,
            state: Mutex::new(State {
                application_rebalance: options.application_rebalance,
                ..State::default()
            }),
            stats: LastStats::default(),
            logs,
            ready: OnceCell::new(),
            this: Weak::clone(this),
            options,
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

    pub fn stats(&self) -> &LastStats {
        &self.stats
    }

    pub fn counters(&self) -> Counters {
        let state = self.state.lock();
        Counters {
            rows_held: state.held.len() as u64,
            rows_withheld: state.held.withheld() as u64,
            rows_stale: state.held.stale(),
            bytes_held: state.bytes() as u64,
        }
    }

    pub fn fatal_error(&self) -> Result<Option<Error>> {
        Ok(self.native()?.client.fatal_error())
    }

    /// How often a waiting application must look in, so as not to be taken for
    /// stuck (`max.poll.interval.ms`).
    pub fn visit_every(&self) -> Duration {
        Duration::from_millis((self.options.max_poll_interval_ms / 3).max(1))
    }

    pub fn has_fd(&self) -> bool {
        self.ready.get().is_some()
    }

    pub fn closing(&self) -> &AtomicBool {
        &self.closing
    }

    pub fn is_closed(&self) -> bool {
        self.native.read().is_none()
    }

    // ---- receiving -------------------------------------------------------

    /// Fills `out`, events first; `None` if there is nothing yet.
    pub fn try_recv(&self, max: usize, out: &mut Batch) -> Option<Result<()>> {
        let result = self.native().map(|native| {
            let mut state = self.state.lock();
            self.look_in(&native, &mut state);
            state.take_events(max, out);
            // What a rebalance takes away is not to be seen any more, so its rows
            // end a batch: its answer comes before the next one.
            if !out.kind.last().is_some_and(|kind| is_rebalance(*kind)) {
                let State {
                    partitions, held, ..
                } = &mut *state;
                held.take(partitions, max, out);
                self.drain(&native, &mut state, max, out);
            }
            if out.is_empty() {
                self.store_position(&native, &mut state);
            } else {
                self.lend(&native, &mut state, out);
            }
            self.settle(&native, &state);
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
        self.store(native, state);
        self.seek_again(native, state);
        while let Some(event) = native.control.poll(0) {
            self.serve(native, state, event);
        }
        for throttle in native.client.throttles() {
            if state.events.len() < self.capacity() {
                let row = client::throttle_row(&throttle);
                state.events.append(1, |batch| batch.push(&row));
            }
        }
    }

    /// Comes by without taking anything.
    pub fn visit(&self) -> Result<()> {
        let native = self.native()?;
        let mut state = self.state.lock();
        self.look_in(&native, &mut state);
        self.settle(&native, &state);
        Ok(())
    }

    fn drain(&self, native: &Native, state: &mut State, max: usize, out: &mut Batch) {
        while self.drain_once(native, state, max, out) {}
    }

    /// True if it met rows of a paused partition, and stopped the partition.
    fn drain_once(&self, native: &Native, state: &mut State, max: usize, out: &mut Batch) -> bool {
        let room = self.room(state);
        if out.len() >= max || room == 0 {
            return false;
        }
        let most = Most {
            rows: max,
            bytes: BATCH_BYTES.min(room),
        };
        let State {
            partitions,
            next_row,
            held,
            ..
        } = state;
        let mut taker = Taker::new(partitions, next_row, out);
        native
            .client
            .drain(&native.rows, |records| taker.take(records, most));
        let Some(aside) = taker.aside else {
            return false;
        };
        stop(native, partitions, &aside);
        held.put_back(partitions, aside, 0);
        true
    }

    /// Bytes of messages that may still be taken; never 0 while nothing is held.
    fn room(&self, state: &State) -> usize {
        match state.bytes() {
            0 => self.options.held_max_bytes.max(1),
            held => self.options.held_max_bytes.saturating_sub(held),
        }
    }

    /// Remembers what goes out with `out`, until it comes back.
    fn lend(&self, native: &Native, state: &mut State, out: &mut Batch) {
        state.sequence += 1;
        out.sequence = state.sequence;
        out.set_origin(self.this.upgrade().map(|this| this as Arc<dyn Origin>));
        state.leases.push(Lease::of(out, state.sequence));
        self.attention.watch(&out.attention);
        if native.control.len() > 0 {
            // It came while nobody watched.
            out.attention.store(1, Ordering::SeqCst);
        }
    }

    /// Rows that wait here and in librdkafka.
    pub fn waiting(&self) -> usize {
        let native = self.native.read();
        let native = native.map_or(0, |native| native.client.waiting(&native.rows));
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
            EventKind::Stats => {
                let stats = event.stats();
                self.stats.keep(&stats);
                push_text(&mut state.events, Kind::Stats, &stats);
            }
            EventKind::TokenRefresh => {
                push_text(&mut state.events, Kind::TokenRefresh, &event.config());
            }
            EventKind::Messages => hold_messages(state, event),
            EventKind::Reports | EventKind::Other => {}
        }
    }

    /// Rows that are out may have become stale: whoever has them should come back.
    fn recall(&self) {
        self.attention.call();
        self.arrivals.wake();
    }

    // ---- readiness -------------------------------------------------------

    pub fn ready_fd(&self) -> Result<&ReadyFd> {
        let ready = self.ready.get_or_try_init(|| {
            let ready = Arc::new(ReadyFd::new(Some(self.visit_every()))?);
            self.arrivals.add(Arc::clone(&ready) as Arc<dyn Wake>);
            Ok::<_, Error>(ready)
        })?;
        match self.native.read() {
            Some(native) => self.settle(&native, &self.state.lock()),
            None => ready.raise(),
        }
        Ok(ready)
    }

    /// Brings the descriptor in line: cleared first, so that what arrives in
    /// between is not missed.
    fn settle(&self, native: &Native, state: &State) {
        if let Some(ready) = self.ready.get() {
            ready.clear();
            let rows = native.rows.len() > 0 && self.room(state) > 0;
            let events = native.control.len() + state.events.len() > 0;
            if rows || events || state.held.len() > 0 {
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
        let native = self.native.take();
        self.recall();
        if let Some(ready) = self.ready.get() {
            ready.raise();
        }
        let mut result = CloseResult::default();
        if let Some(native) = native {
            {
                let mut state = self.state.lock();
                state.settle_leases(|_| true);
                state.leases.clear();
                state.application_rebalance = false;
                self.store_position(&native, &mut state);
                if let Some(rebalance) = state.rebalance.take() {
                    self.answer(&native, &mut state, &rebalance);
                }
            }
            let time = end.saturating_duration_since(Instant::now());
            result.uncommitted = !self.commit_all(&native, end - time / 4);
            // It leaves the group as it is given back, on a thread of its own.
            result.unfinished = !native.end(end);
        }
        if let Some(logs) = &self.logs {
            logs.close();
        }
        Ok(result)
    }

    /// For calls that do not wait.
    fn native(&self) -> Result<MappedRwLockReadGuard<'_, Native>> {
        self.native.read().ok_or(CLOSED)
    }

    /// For calls that wait for a broker.
    pub fn share(&self) -> Result<Share<Native>> {
        self.native.share().ok_or(CLOSED)
    }
}

impl Origin for Consumer {
    fn give_back(&self, batch: &mut Batch, delivered: usize) {
        let native = self.native.read();
        let mut state = self.state.lock();
        let lease = state.end_lease(batch.sequence);
        if let Some(lease) = &lease {
            self.attention.forget(&lease.attention);
        }
        deliver(batch, delivered, &mut state.partitions);
        if delivered < batch.len() && native.is_some() {
            let rest = std::mem::take(batch);
            let State {
                partitions, held, ..
            } = &mut *state;
            held.put_back(partitions, rest, delivered);
        }
        let told = |lease: Lease| lease.rebalance.filter(|(_, rows)| *rows <= delivered);
        if let (Some(native), Some((number, _))) = (&native, lease.and_then(told)) {
            // The application has dealt with it, and left the answer to us.
            self.answer_left(native, &mut state, number);
        }
        if let Some(native) = &native {
            self.settle(native, &state);
        }
        drop(state);
        // There may be room again, or rows for another receiver.
        self.arrivals.wake();
    }
}

impl State {
    /// Bytes of messages that are out with receivers, or came back.
    fn bytes(&self) -> usize {
        let lent: usize = self.leases.iter().map(|lease| lease.bytes).sum();
        lent + self.held.bytes()
    }

    /// What came back goes first.
    fn take_events(&mut self, max: usize, out: &mut Batch) {
        self.held.take_events(max, out);
        if out.is_empty() {
            self.events.take(max, out);
            if !out.is_empty() {
                out.runs.push(Run {
                    partition: EVENTS,
                    generation: 0,
                    number: self.next_row,
                    start: 0,
                    end: out.len(),
                });
                self.next_row += out.len() as u64;
            }
        }
    }

    /// Counts as delivered what some of the batches that are out have handed out.
    fn settle_leases(&mut self, which: impl Fn(&Lease) -> bool) {
        let Self {
            partitions, leases, ..
        } = self;
        for lease in leases.iter().filter(|lease| which(lease)) {
            lease.deliver(partitions);
        }
    }

    fn end_lease(&mut self, sequence: u64) -> Option<Lease> {
        let at = self.leases.iter().position(|l| l.sequence == sequence)?;
        Some(self.leases.swap_remove(at))
    }
}

impl Native {
    fn new(
        client: rd::Client,
        stays: bool,
        arrivals: &Arc<Notify>,
        attention: &Arc<Attention>,
    ) -> Option<Self> {
        let told = Arc::clone(arrivals);
        let rows = client.new_queue()?.on_arrival(move || told.wake());
        let (told, attention) = (Arc::clone(arrivals), Arc::clone(attention));
        let control = client.consumer_queue()?.on_arrival(move || {
            attention.call();
            told.wake();
        });
        Some(Self {
            rows,
            control,
            tick: client.new_queue()?,
            stays,
            client,
        })
    }

    /// How a rebalance is answered by one who does all that it asks for.
    fn answer_to(&self, assigned: bool) -> Assign {
        match (assigned, self.client.is_cooperative()) {
            (true, true) => Assign::Add,
            (false, true) => Assign::Remove,
            (true, false) => Assign::Replace,
            (false, false) => Assign::Clear,
        }
    }

    /// Answers a rebalance while the group is left. What librdkafka refuses then
    /// needs no answer.
    fn let_go(&self, event: &Event, closing: bool) {
        if event.kind() != EventKind::Rebalance {
            return;
        }
        let _ = if closing {
            // Whatever the question: librdkafka takes all away.
            self.client.assign(Assign::Clear, &[], &self.rows)
        } else {
            let how = self.answer_to(event.code() == code::ASSIGN_PARTITIONS);
            self.client.assign(how, &event.partitions(), &self.rows)
        };
    }
}

impl Drop for Native {
    /// Leaves the group, which may take as long as brokers take to answer.
    fn drop(&mut self) {
        // A static member of the classic protocol keeps its place.
        if self.stays {
            return;
        }
        // Without a subscription librdkafka asks nothing that it does not wait for.
        // Ended with a question open, it forgets the question and may never return
        // from the answer (rd_kafka_cgrp_op_serve drops requests then).
        let _ = self.client.unsubscribe();
        while let Some(event) = self.control.poll(0) {
            self.let_go(&event, false);
        }
        // After a fatal error librdkafka does not leave, and there is no more to do.
        if self.client.start_close(&self.control).is_ok() {
            while !self.client.has_closed() {
                if let Some(event) = self.control.poll(SLICE_MS) {
                    self.let_go(&event, true);
                }
            }
        }
    }
}

impl Attention {
    fn watch(&self, word: &Arc<AtomicU32>) {
        self.0.lock().push(Arc::clone(word));
    }

    fn forget(&self, word: &Arc<AtomicU32>) {
        self.0.lock().retain(|known| !Arc::ptr_eq(known, word));
    }

    /// Calls back whoever has rows. A word that is set stays so, for it is the
    /// receiver's own: another one's call must not clear it.
    fn call(&self) {
        for word in self.0.lock().iter() {
            word.store(1, Ordering::SeqCst);
        }
    }
}

/// Pauses in librdkafka what has rows here although it is paused.
fn stop(native: &Native, partitions: &mut Partitions, rows: &Batch) {
    let mut list = List::new();
    for run in &rows.runs {
        // Not before the first row, as `Consumer::pause` says; an end of the partition is none.
        if let Some(partition) = partitions.get_mut(run.partition).filter(|p| p.begun) {
            let entry = TopicPartition::new(&partition.topic, partition.partition);
            partition.stopped |= list.add(&entry).is_ok();
        }
    }
    if !list.is_empty() {
        // If it fails, more rows come, and it is done again.
        let _ = native.client.pause(&list, true);
    }
}

/// Messages belong on the queue for rows; should librdkafka ever put one among
/// the events, it is delivered all the same.
fn hold_messages(state: &mut State, mut event: Event) {
    let mut rows = Batch::default();
    let State {
        partitions,
        held,
        next_row,
        ..
    } = state;
    let mut taker = Taker::new(partitions, next_row, &mut rows);
    event.for_each_batch(|records| {
        let _ = taker.take(records, Most::ALL);
    });
    let aside = taker.aside;
    held.put_back(partitions, rows, 0);
    held.put_back(partitions, aside.unwrap_or_default(), 0);
}

fn push_commit(events: &mut Rows, event: &Event) {
    let mut list = event.partitions();
    for partition in &mut list {
        if partition.code == code::OK {
            partition.code = event.code();
        }
    }
    push_partitions(events, Kind::Commit, 0, event.code(), event.opaque(), &list);
}

fn push_rebalance(events: &mut Rows, rebalance: &Rebalance) {
    let kind = match rebalance.assigned {
        true => Kind::Assign,
        false => Kind::Revoke,
    };
    let flags = if rebalance.lost { ROW_LOST } else { 0 };
    // The number tells which rebalance it is when the rows come back.
    let number = rebalance.number;
    push_partitions(events, kind, flags, code::OK, number, &rebalance.partitions);
}

/// One event, a row for each partition; without partitions it is one row.
fn push_partitions(
    events: &mut Rows,
    kind: Kind,
    flags: u8,
    code: Code,
    opaque: u64,
    list: &[TopicPartition],
) {
    events.append(list.len().max(1), |batch| {
        partition::push_all(batch, kind, flags, list);
        if list.is_empty() {
            batch.push(&Row {
                code,
                flags,
                ..Row::new(kind)
            });
        }
        let first = batch.len() - list.len().max(1);
        batch.opaque[first..].fill(opaque);
    });
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

fn push_text(events: &mut Rows, kind: Kind, text: &str) {
    events.append(1, |batch| {
        batch.push(&Row {
            value: Some(text.as_bytes()),
            ..Row::new(kind)
        });
    });
}
