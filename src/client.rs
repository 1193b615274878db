//! What producers and consumers have in common: one C handle, logs, closing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::batch::{Batch, Delivery, Kind, Row};
use crate::chan::{self, Chan, Queue};
use crate::conf::{ClientKind, Conf, Options};
use crate::consumer::Consumer;
use crate::error::{Code, Error, Result, code};
use crate::producer::Producer;
use crate::rd::{self, LogSink};
use crate::shared::Share;

/// As many lines as confluent-kafka-go keeps.
const LOG_CAPACITY: usize = 10_000;
/// A close without a deadline still ends.
const LONGEST_CLOSE: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub enum Client {
    Producer(Arc<Producer>),
    Consumer(Arc<Consumer>),
}

/// How a close went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CloseResult {
    /// Messages that were purged, each with its report.
    pub purged: usize,
    /// Messages whose outcome is unknown, each with a report that says so.
    pub unknown: usize,
    /// A consumer could not commit all that was delivered.
    pub uncommitted: bool,
    /// A thread is still giving back librdkafka's memory.
    pub unfinished: bool,
}

impl CloseResult {
    pub fn is_clean(self) -> bool {
        self == Self::default()
    }
}

impl Client {
    pub fn open(conf: &Conf) -> Result<Self> {
        match conf.kind() {
            ClientKind::Producer => Producer::open(conf).map(Self::Producer),
            ClientKind::Consumer => Consumer::open(conf).map(Self::Consumer),
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Producer(producer) => producer.name(),
            Self::Consumer(consumer) => consumer.name(),
        }
    }

    pub fn logs(&self) -> Option<&Arc<Queue>> {
        match self {
            Self::Producer(producer) => producer.logs(),
            Self::Consumer(consumer) => consumer.logs(),
        }
    }

    pub fn fatal_error(&self) -> Result<Option<Error>> {
        match self {
            Self::Producer(producer) => producer.fatal_error(),
            Self::Consumer(consumer) => consumer.fatal_error(),
        }
    }

    pub fn raise_fatal(&self, code: Code, reason: &str) -> Result<()> {
        if code == code::OK {
            return Err(Error::argument("code = 0: expected that of an error"));
        }
        self.with(|native| native.raise_fatal(code, reason))
    }

    pub fn producer(&self) -> Result<&Arc<Producer>> {
        match self {
            Self::Producer(producer) => Ok(producer),
            Self::Consumer(_) => Err(Error::argument(
                "client: expected a producer, and this one is a consumer",
            )),
        }
    }

    pub fn consumer(&self) -> Result<&Arc<Consumer>> {
        match self {
            Self::Consumer(consumer) => Ok(consumer),
            Self::Producer(_) => Err(Error::argument(
                "client: expected a consumer, and this one is a producer",
            )),
        }
    }

    pub fn stats(&self) -> Stats {
        match self {
            Self::Producer(producer) => producer.stats().read(),
            Self::Consumer(consumer) => consumer.stats().read(),
        }
    }

    /// For calls of librdkafka that do not wait, or look at [`Client::closing`].
    pub fn with<T>(&self, body: impl FnOnce(&rd::Client) -> Result<T>) -> Result<T> {
        match self {
            Self::Producer(producer) => body(&producer.share()?.client),
            Self::Consumer(consumer) => body(&consumer.share()?.client),
        }
    }

    /// For calls of librdkafka that wait for a broker.
    pub fn ask<T: Send + 'static>(
        &self,
        body: impl FnOnce(&rd::Client) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match self {
            Self::Producer(producer) => elsewhere(producer.share()?, self.closing(), |native| {
                body(&native.client)
            }),
            Self::Consumer(consumer) => elsewhere(consumer.share()?, self.closing(), |native| {
                body(&native.client)
            }),
        }
    }

    /// Set once the client begins to close.
    pub fn closing(&self) -> &AtomicBool {
        match self {
            Self::Producer(producer) => producer.closing(),
            Self::Consumer(consumer) => consumer.closing(),
        }
    }

    pub fn close(&self, timeout_ms: i32) -> Result<CloseResult> {
        match self {
            Self::Producer(producer) => producer.close(timeout_ms),
            Self::Consumer(consumer) => consumer.close(timeout_ms),
        }
    }
}

/// How soon who waits for a broker sees that the client is closing, or that there
/// is something to do meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A call of librdkafka that waits for a broker, and that nobody can end, on a thread of its own:
/// the caller of a client that closes need not wait for it.
pub struct Call<T>(Receiver<Result<T>>);

impl<T: Send + 'static> Call<T> {
    pub fn begin<N: Send + Sync + 'static>(
        native: Share<N>,
        body: impl FnOnce(&N) -> Result<T> + Send + 'static,
    ) -> Result<Self> {
        let (sender, outcome) = mpsc::channel();
        let thread = std::thread::Builder::new().name("krs-ask".to_owned());
        let call = move || {
            let result = body(&native);
            drop(native);
            // The caller may have gone.
            let _ = sender.send(result);
        };
        let spawned = thread.spawn(call);
        spawned.map_err(|cause| Error::system("no thread to be had", cause))?;
        Ok(Self(outcome))
    }

    /// Waits a moment, and not beyond `until`, for what comes of it. That the client closes is an
    /// outcome, too.
    pub fn wait(&self, closing: &AtomicBool, until: Option<Instant>) -> Option<Result<T>> {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        match self
            .0
            .recv_timeout(left.unwrap_or(LOOK_EVERY).min(LOOK_EVERY))
        {
            Ok(result) => Some(result),
            Err(RecvTimeoutError::Timeout) => closing
                .load(Ordering::SeqCst)
                .then(|| Err(Error::closed("the client has been closed"))),
            Err(RecvTimeoutError::Disconnected) => Some(Err(Error::fixed(
                code::INTERNAL,
                "a call to a broker failed",
            ))),
        }
    }
}

/// What comes of such a [`Call`].
pub fn elsewhere<N: Send + Sync + 'static, T: Send + 'static>(
    native: Share<N>,
    closing: &AtomicBool,
    body: impl FnOnce(&N) -> Result<T> + Send + 'static,
) -> Result<T> {
    let call = Call::begin(native, body)?;
    loop {
        if let Some(result) = call.wait(closing, None) {
            return result;
        }
    }
}

/// Rows fetched at once for a caller that takes one at a time.
const POLL_ROWS: usize = 1000;
/// After this time such a caller comes by the core again, so that what it was
/// given is stored and events are not kept waiting.
const POLL_AGE: Duration = Duration::from_millis(20);

/// Fills `batch` again, which has no [`next_row`] left, and returns the index of
/// its first row.
pub fn poll(chan: Arc<Chan>, batch: &mut Batch, timeout_ms: i32) -> Result<usize> {
    let delivered = batch.delivered();
    batch.give_back(delivered);
    batch.delivery = Delivery::OneByOne(Arc::new(AtomicUsize::new(0)));
    chan::recv(chan, POLL_ROWS, batch, timeout_ms)?;
    batch.received = Some(Instant::now());
    next_row(batch, || false).ok_or_else(Error::would_block)
}

/// The next row that may be handed out without a visit to its client, for which it
/// may be too old unless the client is `closed`.
pub fn next_row(batch: &Batch, closed: impl FnOnce() -> bool) -> Option<usize> {
    let Delivery::OneByOne(count) = &batch.delivery else {
        return None;
    };
    if batch.is_forked() {
        return None;
    }
    let fresh = || {
        batch.attention.load(Ordering::SeqCst) == 0
            && (batch.received.is_some_and(|at| at.elapsed() < POLL_AGE) || closed())
    };
    let row = count.load(Ordering::SeqCst);
    // A fresh batch gives at least one row, so that a slow caller gets on.
    if row < batch.len() && (row == 0 || fresh()) {
        count.store(row + 1, Ordering::SeqCst);
        return Some(row);
    }
    None
}

pub fn log_queue(options: &Options) -> Option<Arc<Queue>> {
    options.logs.then(|| Queue::of_client(LOG_CAPACITY))
}

/// Log lines become rows, or nothing: the library never prints.
pub fn log_sink(logs: &Option<Arc<Queue>>) -> LogSink {
    let logs = logs.clone();
    Arc::new(move |level, facility, text| {
        if let Some(logs) = &logs {
            logs.push_or_drop(|batch, dropped| {
                batch.push(&Row {
                    code: level,
                    opaque: dropped,
                    key: Some(facility.as_bytes()),
                    value: Some(text.as_bytes()),
                    ..Row::new(Kind::Log)
                });
            });
        }
    })
}

/// The row that tells of a throttle.
pub fn throttle_row(throttle: &rd::Throttle) -> Row<'_> {
    Row {
        partition: throttle.broker_id,
        offset: throttle.millis.into(),
        key: Some(throttle.broker.as_bytes()),
        ..Row::new(Kind::Throttle)
    }
}

/// For calls of librdkafka that go on when their caller has gone.
pub fn at_most_a_minute(timeout_ms: i32) -> i32 {
    if timeout_ms < 0 {
        LONGEST_CLOSE.as_millis() as i32
    } else {
        timeout_ms
    }
}

pub fn deadline(timeout_ms: i32) -> Instant {
    let timeout = u64::try_from(timeout_ms).map_or(LONGEST_CLOSE, Duration::from_millis);
    Instant::now() + timeout
}

/// The last statistics of librdkafka, and when they came.
#[derive(Default)]
pub struct LastStats(Mutex<String>);

/// What librdkafka counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub struct Stats {
    /// Seconds since the epoch; 0 = there were no statistics yet.
    pub time: i64,
    pub msg_cnt: i64,
    pub msg_size: i64,
    pub tx: i64,
    pub tx_bytes: i64,
    pub rx: i64,
    pub rx_bytes: i64,
    pub txmsgs: i64,
    pub rxmsgs: i64,
}

impl LastStats {
    pub fn keep(&self, document: &str) {
        document.clone_into(&mut self.0.lock());
    }

    pub fn read(&self) -> Stats {
        // Before the first there is nothing to parse.
        serde_json::from_str(&self.0.lock()).unwrap_or_default()
    }
}
