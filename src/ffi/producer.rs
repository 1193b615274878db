//! Section `producer`.

use std::sync::Arc;

use super::decode::{Sized32, bytes, optional, out, sized, slice, slice_mut};
use super::guard;
use super::objects::{CHANS, CLIENTS, TOPICS};
use super::types::{
    KRS_MESSAGE_NO_REPORT, KRS_PARTITION_ANY, KRS_PURGE_IN_FLIGHT, KRS_PURGE_QUEUED, krs_bytes,
    krs_chan, krs_client, krs_code, krs_error, krs_message, krs_records,
};
use crate::batch::Column;
use crate::chan::{self, Chan, Message, Until};
use crate::error::{Error, Result, code};
use crate::headers::{self, Headers};
use crate::producer::{Producer, RUN_LEN, Report, Run, Topic};

// SAFETY: repr(C), `struct_size` first, integers and pointers only.
unsafe impl Sized32 for krs_message {
    const NAME: &'static str = "message";
    const FIRST_SIZE: usize = 96;
}

// SAFETY: as above.
unsafe impl Sized32 for krs_records {
    const NAME: &'static str = "records";
    const FIRST_SIZE: usize = 176;
}

/// The producer's produce channel: what is sent to it with `krs_chan_send()` is
/// produced. A sender waits while there is no room. It takes part in
/// `krs_chan_select()`, with `KRS_CASE_SEND`.
///
/// Ownership: belongs to the client and closes with it; the same handle every time.
/// Threads: any.
/// Errors: `KRS_ERR_ARGUMENT` for a consumer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_producer_channel(
    client: krs_client,
    chan: *mut krs_chan,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes NULL or a place for the result.
        let place = unsafe { out("chan", chan) }?;
        let opened = CLIENTS.get(client.id)?;
        opened.client.producer()?;
        place.id = opened.produce.unwrap_or_default();
        Ok(())
    })
}

/// Sends one message: returns when librdkafka has a copy of it, not when a
/// broker has. A message that was accepted (`KRS_OK`) has exactly one report,
/// one that was not has none.
///
/// `timeout_ms` says how long to wait for room: 0 = do not wait, -1 = for ever.
///
/// Ownership: all is copied.
/// Threads: any.
/// Errors: `KRS_ERR_QUEUE_FULL`: no room, and `timeout_ms` is 0;
/// `KRS_ERR_TIMED_OUT`: no room in that time; `KRS_ERR_MSG_SIZE_TOO_LARGE`;
/// `KRS_ERR_UNKNOWN_TOPIC`, `KRS_ERR_UNKNOWN_PARTITION` if that is known
/// already (otherwise the report tells); `KRS_ERR_FATAL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_producer_send(
    client: krs_client,
    message: *const krs_message,
    timeout_ms: i32,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes a krs_message whose bytes are alive.
        let message = unsafe { sized(message) }?;
        // SAFETY: as above.
        match unsafe { try_send(client, &message) }? {
            Some(done) => done,
            None if timeout_ms == 0 => Err(queue_full()),
            // SAFETY: as above.
            None => unsafe { wait_and_send(client, &message, timeout_ms) },
        }
    })
}

/// # Safety
/// The message's bytes are alive.
unsafe fn try_send(client: krs_client, message: &krs_message) -> Result<Option<Result<()>>> {
    let opened = match message.topic.id {
        0 => None,
        id => Some(TOPICS.read(id)?),
    };
    let topic = opened.as_deref().map(|opened| &*opened.topic);
    // SAFETY: by the caller's promise.
    let message = unsafe { decode_message(message, topic) }?;
    match &opened {
        Some(opened) if opened.client == client.id => {
            Ok(opened.topic.producer().try_send(&message))
        }
        _ => {
            let opened = CLIENTS.read(client.id)?;
            Ok(opened.client.producer()?.try_send(&message))
        }
    }
}

/// # Safety
/// As for `try_send`.
unsafe fn wait_and_send(client: krs_client, message: &krs_message, timeout_ms: i32) -> Result<()> {
    let topic = topic_of(message)?;
    // SAFETY: by the caller's promise.
    let message = unsafe { decode_message(message, topic.as_deref()) }?;
    let opened = CLIENTS.get(client.id)?;
    chan::send(
        produce_chan(opened.client.producer()?),
        &message,
        Until::from_timeout(timeout_ms),
    )
}

/// Writes what came of the next rows.
fn tell(dealt: &[krs_code], codes: &mut [krs_code], done: &mut usize) {
    if let Some(places) = codes.get_mut(*done..*done + dealt.len()) {
        places.copy_from_slice(dealt);
    }
    *done += dealt.len();
}

fn produce_chan(producer: &Arc<Producer>) -> Arc<Chan> {
    Arc::new(Chan::Produce(Arc::clone(producer)))
}

/// Sends many messages, in order. Row `i` is dealt with like a message of
/// `krs_producer_send()`: `codes[i]`, if `codes` is not NULL, tells what came of
/// it. A row that is refused does not stop those after it; when there is no
/// room within `timeout_ms`, the call ends, and rows from `*done` on were not tried.
///
/// Ownership: all is copied; `codes` has room for `records->count`.
/// Threads: any.
/// Errors: `KRS_ERR_QUEUE_FULL`, `KRS_ERR_TIMED_OUT`: no room, and `*done` rows
/// were dealt with; `KRS_ERR_ARGUMENT`: the columns are inconsistent, and no row
/// was sent. Rows that were refused do not make the call fail; their code says
/// why, `KRS_ERR_CLOSED` for example if the report channel was closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_producer_send_batch(
    client: krs_client,
    records: *const krs_records,
    timeout_ms: i32,
    codes: *mut krs_code,
    done: *mut usize,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes krs_records whose columns are alive, and a
        // place for the count.
        let (records, done) = unsafe { (Records::decode(records)?, out("done", done)?) };
        let codes = match codes.is_null() {
            true => &mut [],
            // SAFETY: not NULL, so room for a code of every row.
            false => unsafe { slice_mut("codes", codes, records.count) }?,
        };
        *done = 0;
        let until = Until::from_timeout(timeout_ms);
        let opened = CLIENTS.get(client.id)?;
        let producer = opened.client.producer()?;
        while *done < records.count {
            let run = records.run(*done);
            let dealt = producer.try_send_run(&run);
            tell(&dealt, codes, done);
            let Some(next) = run.get(dealt.len()) else {
                continue;
            };
            if timeout_ms == 0 {
                return Err(queue_full());
            }
            let result = chan::send(produce_chan(producer), next, until);
            let code = result.as_ref().err().map_or(code::OK, |error| error.code);
            if code == code::TIMED_OUT {
                return result;
            }
            tell(&[code], codes, done);
        }
        // Rows that found the client closed say so, and so does the call.
        producer.still_open()
    })
}

/// Adds a header to `buffer`, which has `capacity` bytes of which `*len` are
/// used: start with `*len` 0, add each header, and pass `buffer` and `*len` as
/// `krs_message.headers`. A header takes 8 bytes, its key and its value: the
/// lengths of both as `int32_t` in the machine's byte order (-1 = null value),
/// then the bytes of both, and the next header right after.
///
/// Ownership: the buffer is the caller's; key and value are copied into it.
/// Threads: one at a time for one buffer.
/// Errors: `KRS_ERR_ARGUMENT` if it does not fit; the buffer is unchanged then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_headers_add(
    buffer: *mut u8,
    capacity: usize,
    len: *mut usize,
    key: krs_bytes,
    value: krs_bytes,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller's bytes are alive, and the buffer has `capacity`.
        let (len, key, value) =
            unsafe { (out("len", len)?, bytes("key", key)?, bytes("value", value)?) };
        let key = key.unwrap_or_default();
        let need = headers::packed_len(key, value);
        if buffer.is_null() || capacity.saturating_sub(*len) < need {
            return Err(Error::argument(format!(
                "buffer: the header takes {need} bytes, and {} of {capacity} are left",
                capacity.saturating_sub(*len)
            )));
        }
        // SAFETY: not NULL, and `need` bytes from `*len` on are within it.
        let room = unsafe { std::slice::from_raw_parts_mut(buffer.add(*len), need) };
        headers::pack(key, value, room)?;
        *len += need;
        Ok(())
    })
}

/// Waits until every accepted message has a result, sending without lingering
/// (`linger.ms`), at most `timeout_ms` (-1 = for ever). `*pending`, if not NULL,
/// becomes the number of messages without a result.
///
/// Threads: any. Nobody needs to receive reports meanwhile.
/// Errors: `KRS_ERR_TIMED_OUT` if `*pending` is not 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_producer_flush(
    client: krs_client,
    timeout_ms: i32,
    pending: *mut usize,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        let left = CLIENTS
            .get(client.id)?
            .client
            .producer()?
            .flush(timeout_ms)?;
        // SAFETY: the caller passes NULL or a place for the result.
        if let Some(pending) = unsafe { pending.as_mut() } {
            *pending = left;
        }
        if left > 0 {
            return Err(Error::new(
                code::TIMED_OUT,
                format!("flush: {left} messages have no result yet"),
            ));
        }
        Ok(())
    })
}

/// Gives up messages: `KRS_PURGE_QUEUED`, `KRS_PURGE_IN_FLIGHT`, or both. Their
/// reports come with `KRS_ERR_PURGE_QUEUE` or `KRS_ERR_PURGE_INFLIGHT`.
///
/// Threads: any.
/// Errors: `KRS_ERR_ARGUMENT` for other flags.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_producer_purge(
    client: krs_client,
    flags: u32,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        let known = KRS_PURGE_QUEUED | KRS_PURGE_IN_FLIGHT;
        if flags & !known != 0 {
            return Err(Error::argument(format!(
                "flags is {flags:#x}, expected KRS_PURGE_QUEUED (1), KRS_PURGE_IN_FLIGHT (2), or both"
            )));
        }
        let (queued, in_flight) = (
            flags & KRS_PURGE_QUEUED != 0,
            flags & KRS_PURGE_IN_FLIGHT != 0,
        );
        let opened = CLIENTS.get(client.id)?;
        opened.client.producer()?.purge(queued, in_flight)
    })
}

/// Number of accepted messages without a result, and nothing else: reports that
/// nobody has received yet are not counted.
///
/// Threads: any.
/// Errors: `KRS_ERR_ARGUMENT` for a consumer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_producer_len(
    client: krs_client,
    pending: *mut usize,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes NULL or a place for the result.
        let place = unsafe { out("pending", pending) }?;
        *place = CLIENTS.get(client.id)?.client.producer()?.pending();
        Ok(())
    })
}

fn queue_full() -> Error {
    let mut error = Error::fixed(
        code::QUEUE_FULL,
        "no room: the queue (queue.buffering.max.messages, queue.buffering.max.kbytes) or the \
         report channel is full",
    );
    error.flags = crate::error::flag::RETRIABLE;
    error
}

/// Where there is no memory for a copy, librdkafka and Rust end the program. Before a large one, one
/// can ask.
#[inline]
fn can_be_copied(parts: [usize; 3]) -> Result<()> {
    const LARGE: usize = 1 << 20;
    let size = parts
        .iter()
        .fold(0, |sum: usize, part| sum.saturating_add(*part));
    if size < LARGE {
        return Ok(());
    }
    let mut probe = Vec::<u8>::new();
    // Twice, for columns grow so.
    let answer = probe.try_reserve_exact(size.saturating_mul(2));
    std::hint::black_box(&probe);
    answer.map_err(|_| {
        let text = format!("message: there is no memory for a copy of its {size} bytes");
        Error::new(code::SYSTEM, text)
    })
}

/// # Safety
/// The message's bytes live as long as `'a`.
#[inline]
pub(super) unsafe fn decode_message<'a>(
    message: &krs_message,
    topic: Option<&'a Topic>,
) -> Result<Message<'a>> {
    // SAFETY: by the caller's promise.
    let headers = unsafe { bytes("message.headers", message.headers) }?;
    can_be_copied([message.key.len, message.value.len, message.headers.len])?;
    Ok(Message {
        topic,
        partition: partition(message.partition)?,
        // SAFETY: as above.
        key: unsafe { bytes("message.key", message.key) }?,
        // SAFETY: as above.
        value: unsafe { bytes("message.value", message.value) }?,
        headers: Headers::parse(headers.unwrap_or_default())?,
        timestamp: timestamp(message.timestamp)?,
        opaque: message.opaque,
        report: report(message.flags, message.report)?,
    })
}

pub(super) fn topic_of(message: &krs_message) -> Result<Option<Arc<Topic>>> {
    match message.topic.id {
        0 => Ok(None),
        id => topic_with(id).map(Some),
    }
}

fn topic_with(id: u64) -> Result<Arc<Topic>> {
    Ok(Arc::clone(&TOPICS.read(id)?.topic))
}

fn partition(partition: i32) -> Result<i32> {
    if partition < KRS_PARTITION_ANY {
        return Err(Error::argument(format!(
            "partition is {partition}, expected 0 or more, or KRS_PARTITION_ANY (-1)"
        )));
    }
    Ok(partition)
}

fn timestamp(timestamp: i64) -> Result<i64> {
    if timestamp < 0 {
        return Err(Error::argument(format!(
            "timestamp is {timestamp}, expected milliseconds since the epoch, or 0 for now"
        )));
    }
    Ok(timestamp)
}

fn report(flags: u32, chan: krs_chan) -> Result<Report> {
    match (flags, chan.id) {
        (0, 0) => Ok(Report::Client),
        (KRS_MESSAGE_NO_REPORT, 0) => Ok(Report::None),
        (0, id) => match &*CHANS.get(id)? {
            Chan::Queue(queue) if queue.capacity() > 0 => Ok(Report::To(Arc::clone(queue))),
            Chan::Queue(_) => Err(Error::argument(
                "report: the channel has capacity 0, and a report needs a place to wait",
            )),
            _ => Err(Error::argument(
                "report: expected a channel of krs_chan_new, or a producer's events channel",
            )),
        },
        _ => Err(Error::argument(
            "flags: expected 0 or KRS_MESSAGE_NO_REPORT (1), and no report channel with the latter",
        )),
    }
}

/// `krs_records` that were found to be consistent.
struct Records<'a> {
    count: usize,
    topics: Vec<Arc<Topic>>,
    topic: Option<&'a [u32]>,
    partition: Option<&'a [i32]>,
    timestamp: Option<&'a [i64]>,
    opaque: Option<&'a [u64]>,
    key: Option<Column<'a>>,
    value: Option<Column<'a>>,
    headers: Option<(&'a [u32], headers::Columns<'a>)>,
    report: Report,
}

impl<'a> Records<'a> {
    /// # Safety
    /// `records` is NULL or points to krs_records whose columns have the sizes
    /// that the header asks for, and live as long as `'a`.
    unsafe fn decode(records: *const krs_records) -> Result<Self> {
        // SAFETY: by the caller's promise.
        let from = unsafe { sized(records) }?;
        let count = from.count;
        // SAFETY: as above.
        let topics = unsafe { slice("records.topics", from.topics, from.topic_count) }?;
        // SAFETY: as above; each column is read with the size that is asked for.
        let decoded = unsafe {
            Self {
                count,
                topics: topics
                    .iter()
                    .map(|topic| topic_with(topic.id))
                    .collect::<Result<_>>()?,
                topic: optional("records.topic", from.topic, count)?,
                partition: optional("records.partition", from.partition, count)?,
                timestamp: optional("records.timestamp", from.timestamp, count)?,
                opaque: optional("records.opaque", from.opaque, count)?,
                key: Column::decode("records.key", from.key, count)?,
                value: Column::decode("records.value", from.value, count)?,
                headers: Self::decode_headers(&from)?,
                report: report(from.flags, from.report)?,
            }
        };
        decoded.check()?;
        Ok(decoded)
    }

    /// # Safety
    /// As for `decode`.
    unsafe fn decode_headers(
        from: &krs_records,
    ) -> Result<Option<(&'a [u32], headers::Columns<'a>)>> {
        if from.header_start.is_null() {
            return Ok(None);
        }
        // SAFETY: by the caller's promise.
        unsafe {
            let count = from.count.saturating_add(1);
            let start = slice("records.header_start", from.header_start, count)?;
            if !start.is_sorted() {
                return Err(Error::argument("records.header_start does not ascend"));
            }
            let count = start.last().map_or(0, |last| *last as usize);
            let key = Column::decode("records.header_key", from.header_key, count)?;
            let key = key.ok_or_else(|| {
                Error::argument("records.header_key: expected a column, for header_start is set")
            })?;
            let value = Column::decode("records.header_value", from.header_value, count)?;
            Ok(Some((start, headers::Columns { key, value })))
        }
    }

    fn check(&self) -> Result<()> {
        if self.topics.is_empty() && self.count > 0 {
            return Err(Error::argument("records.topics: expected at least one"));
        }
        let topics = self.topics.len();
        if let Some(wrong) = self
            .topic
            .and_then(|all| all.iter().find(|topic| **topic as usize >= topics))
        {
            return Err(Error::argument(format!(
                "records.topic: {wrong} is not an index into {topics} topics"
            )));
        }
        for value in self.partition.unwrap_or_default() {
            partition(*value)?;
        }
        for value in self.timestamp.unwrap_or_default() {
            timestamp(*value)?;
        }
        Ok(())
    }

    /// The messages from `row` on that one call of the core takes.
    fn run(&self, row: usize) -> Run<'_> {
        let first = self.message(row);
        let rest = (row + 1..self.count).map(|row| self.message(row));
        let mut run = Run::new();
        run.push(first.clone());
        if first.runs_with(&first) {
            let alike = rest.take_while(|message| first.runs_with(message));
            run.extend(alike.take(RUN_LEN - 1));
        }
        run
    }

    fn message(&self, row: usize) -> Message<'_> {
        let index = self.topic.map_or(0, |topic| topic[row] as usize);
        Message {
            topic: self.topics.get(index).map(|topic| &**topic),
            partition: self.partition.map_or(KRS_PARTITION_ANY, |all| all[row]),
            key: self.key.and_then(|column| column.get(row)),
            value: self.value.and_then(|column| column.get(row)),
            headers: match &self.headers {
                None => Headers::default(),
                Some((start, columns)) => Headers::columns(columns, start[row]..start[row + 1]),
            },
            timestamp: self.timestamp.map_or(0, |all| all[row]),
            opaque: self.opaque.map_or(0, |all| all[row]),
            report: self.report.clone(),
        }
    }
}
