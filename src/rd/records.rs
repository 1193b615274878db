//! Messages that were fetched: the first of a batch, and the records that follow it
//! in the broker's answer (`records.c` says why).

use std::borrow::Cow;

use super::message::bytes as optional;
use super::{Message, raw};
use crate::error::Code;

/// One message.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    pub offset: i64,
    /// Milliseconds since the epoch, −1 = none.
    pub timestamp: i64,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    headers: &'a [u8],
}

impl<'a> Record<'a> {
    /// None, if they are not well-formed.
    pub fn for_each_header(&self, mut each: impl FnMut(&'a [u8], Option<&'a [u8]>)) {
        // They begin with their number, a varint, of which 0 is one zero byte.
        if !matches!(self.headers, [] | [0, ..]) && headers(self.headers, |_, _| {}).is_some() {
            let _ = headers(self.headers, &mut each);
        }
    }
}

/// The messages of one operation of librdkafka, which are of one partition and batch;
/// or an error of a partition, as the only one.
pub struct Records<'a> {
    first: Message<'a>,
    fetched: &'a raw::Fetched,
    first_is_next: bool,
    rest: &'a [u8],
    taken: usize,
    last_offset: i64,
}

impl<'a> Records<'a> {
    /// # Safety
    /// What `fetched` points to stays alive and as it is for `'a`.
    pub(super) unsafe fn new(fetched: &'a raw::Fetched) -> Self {
        // SAFETY: by the caller's promise.
        let (first, rest) = unsafe {
            (
                Message::new(fetched.message),
                optional(fetched.next, fetched.size).unwrap_or_default(),
            )
        };
        Self {
            first,
            fetched,
            first_is_next: !fetched.first_is_taken,
            rest,
            taken: 0,
            last_offset: -1,
        }
    }

    pub fn code(&self) -> Code {
        self.first.code()
    }

    /// Text of what stands for an error.
    pub fn error_text(&self) -> Cow<'a, str> {
        self.first.error_text()
    }

    /// Tells topics apart within one drain; cheaper than the name.
    pub fn topic_identity(&self) -> usize {
        self.first.topic_identity()
    }

    pub fn topic(&self) -> Option<&'a str> {
        self.first.topic()
    }

    /// Not `partition`, which is an iterator's.
    pub fn partition_id(&self) -> i32 {
        self.first.partition()
    }

    /// The first one's, or where an error is.
    pub fn offset(&self) -> i64 {
        self.first.offset()
    }

    /// `KRS_TIMESTAMP_*`.
    pub fn timestamp_type(&self) -> u8 {
        self.fetched.timestamp_type
    }

    pub fn leader_epoch(&self) -> i32 {
        self.fetched.leader_epoch
    }

    /// Says in `fetched` what has not been taken.
    pub(super) fn leave_rest(&self, fetched: &mut raw::Fetched) {
        fetched.first_is_taken = !self.first_is_next;
        fetched.next = self.rest.as_ptr();
        fetched.size = self.rest.len();
        fetched.count = self.taken;
        fetched.last_offset = self.last_offset;
    }

    fn first(&self) -> Record<'a> {
        Record {
            offset: self.first.offset(),
            timestamp: self.fetched.timestamp,
            key: self.first.key(),
            value: self.first.value(),
            // SAFETY: alive, by the promise given to `new`.
            headers: unsafe { optional(self.fetched.headers, self.fetched.headers_size) }
                .unwrap_or_default(),
        }
    }

    fn parse(&mut self) -> Option<Record<'a>> {
        let length = usize::try_from(varint(&mut self.rest)?).ok()?;
        let (mut record, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        (_, record) = record.split_first()?; // Attributes, of which there are none.
        let timestamp = varint(&mut record)?;
        let offset = self.fetched.base_offset.wrapping_add(varint(&mut record)?);
        let by_broker = self.fetched.timestamp_type == BY_BROKER;
        Some(Record {
            offset,
            timestamp: if by_broker {
                self.fetched.timestamp // The same for all of a batch.
            } else {
                self.fetched.base_timestamp.wrapping_add(timestamp)
            },
            key: bytes(&mut record)?,
            value: bytes(&mut record)?,
            headers: record,
        })
    }
}

/// `KRS_TIMESTAMP_LOG_APPEND_TIME`.
const BY_BROKER: u8 = 2;

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        if std::mem::take(&mut self.first_is_next) {
            self.last_offset = self.first.offset();
            return Some(self.first());
        }
        if self.rest.is_empty() {
            return None;
        }
        let record = self.parse();
        // `records.c` has found all to be well-formed.
        debug_assert!(record.is_some());
        match &record {
            Some(record) => {
                self.taken += 1;
                self.last_offset = record.offset;
            }
            None => self.rest = &[],
        }
        record
    }
}

/// Reads a number of the protocol: seven bits a byte, the least first, the sign in
/// the lowest bit.
fn varint(from: &mut &[u8]) -> Option<i64> {
    let mut bits = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        bits |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some((bits >> 1) as i64 ^ -((bits & 1) as i64));
        }
    }
    None
}

/// Reads a length and so many bytes; −1 is null.
fn bytes<'a>(from: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let length = varint(from)?;
    if length == -1 {
        return Some(None);
    }
    let (bytes, rest) = from.split_at_checked(usize::try_from(length).ok()?)?;
    *from = rest;
    Some(Some(bytes))
}

fn headers<'a>(mut from: &'a [u8], mut each: impl FnMut(&'a [u8], Option<&'a [u8]>)) -> Option<()> {
    for _ in 0..varint(&mut from)? {
        let key = bytes(&mut from)??;
        each(key, bytes(&mut from)?);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put_varint(to: &mut Vec<u8>, value: i64) {
        let mut bits = (value << 1 ^ value >> 63) as u64;
        while bits >= 0x80 {
            to.push(bits as u8 | 0x80);
            bits >>= 7;
        }
        to.push(bits as u8);
    }

    fn put_bytes(to: &mut Vec<u8>, bytes: Option<&[u8]>) {
        put_varint(to, bytes.map_or(-1, |bytes| bytes.len() as i64));
        to.extend_from_slice(bytes.unwrap_or_default());
    }

    fn put_record(to: &mut Vec<u8>, delta: i64, key: Option<&[u8]>, value: Option<&[u8]>) {
        let mut record = vec![0];
        put_varint(&mut record, 1000 * delta);
        put_varint(&mut record, delta);
        put_bytes(&mut record, key);
        put_bytes(&mut record, value);
        put_varint(&mut record, 1);
        put_bytes(&mut record, Some(b"name"));
        put_bytes(&mut record, None);
        put_varint(to, record.len() as i64);
        to.append(&mut record);
    }

    /// Records that follow one at offset 100.
    fn some_records() -> Vec<u8> {
        let (mut all, large) = (Vec::new(), [b'x'; 300]);
        put_record(&mut all, 1, None, Some(b"value"));
        put_record(&mut all, 2, Some(b"key"), None);
        put_record(&mut all, 70, Some(b""), Some(b""));
        put_record(&mut all, 100_000, Some(&large), Some(&large));
        all
    }

    fn fetched(records: &[u8]) -> raw::Fetched {
        raw::Fetched {
            message: std::ptr::dangling(),
            headers: std::ptr::null(),
            headers_size: 0,
            timestamp: 5,
            timestamp_type: 1,
            first_is_taken: true,
            leader_epoch: 7,
            base_offset: 100,
            base_timestamp: 5,
            next: records.as_ptr(),
            size: records.len(),
            count: 0,
            last_offset: 100,
        }
    }

    fn read(of: &raw::Fetched) -> Vec<Record<'_>> {
        // SAFETY: the records are alive, and the first one is not looked at.
        unsafe { Records::new(of) }.collect()
    }

    #[test]
    fn each_field_of_a_record_is_as_the_broker_sent_it() {
        let records = some_records();
        let of = fetched(&records);
        let all = read(&of);
        let places: Vec<_> = all.iter().map(|r| (r.offset, r.timestamp)).collect();
        let expected = [1, 2, 70, 100_000].map(|delta| (100 + delta, 5 + 1000 * delta));
        assert_eq!(places, expected);
        let large = [b'x'; 300];
        let contents: Vec<_> = all.iter().map(|r| (r.key, r.value)).collect();
        let expected = [
            (None, Some(&b"value"[..])),
            (Some(&b"key"[..]), None),
            (Some(&[]), Some(&[])),
            (Some(&large), Some(&large)),
        ];
        assert_eq!(contents, expected);
        for record in &all {
            let mut headers = Vec::new();
            record.for_each_header(|key, value| headers.push((key, value)));
            assert_eq!(headers, [(&b"name"[..], None)]);
        }
    }

    #[test]
    fn a_broker_that_gives_the_time_gives_one_for_the_whole_batch() {
        let records = some_records();
        let of = raw::Fetched {
            timestamp_type: BY_BROKER,
            ..fetched(&records)
        };
        assert!(read(&of).iter().all(|record| record.timestamp == 5));
    }

    #[test]
    fn what_was_not_taken_is_left() {
        let records = some_records();
        let (of, mut left) = (fetched(&records), fetched(&records));
        // SAFETY: as in `read`.
        let mut some = unsafe { Records::new(&of) };
        assert_eq!(some.by_ref().take(3).count(), 3);
        some.leave_rest(&mut left);
        assert_eq!((left.count, left.last_offset), (3, 170));
        let rest = read(&left);
        assert_eq!(rest.len(), 1);
        assert_eq!(rest[0].offset, 100_100);
    }

    fn count_in_c(records: &[u8], last: i64) -> i64 {
        let (range, mut bytes) = (records.as_ptr_range(), 0);
        // SAFETY: both ends are of the same slice.
        unsafe { raw::krs_rd_count_records(range.start, range.end, 0, last, &mut bytes) }
    }

    /// What `records.c` passes on must be what is read here: whatever a broker sends.
    #[test]
    fn records_are_well_formed_in_c_only_if_they_are_here() {
        let whole = some_records();
        let mut counts = Vec::new();
        for at in 0..=whole.len() {
            counts.push(check(&whole[..at]));
            for byte in 0..=u8::MAX {
                let mut odd = whole.clone();
                if let Some(place) = odd.get_mut(at) {
                    *place = byte;
                }
                check(&odd);
            }
        }
        let ends: Vec<_> = counts.into_iter().filter(|count| *count >= 0).collect();
        assert_eq!(
            ends,
            [0, 1, 2, 3, 4],
            "a cut is well-formed only at the end of one"
        );
    }

    #[test]
    fn records_beyond_the_last_offset_of_their_batch_are_odd() {
        assert_eq!(count_in_c(&some_records(), 100_000), 4);
        assert_eq!(count_in_c(&some_records(), 99_999), -1);
    }

    /// How many records C finds, of which all are read here; or -1.
    fn check(records: &[u8]) -> i64 {
        let count = count_in_c(records, i64::from(i32::MAX));
        if count >= 0 {
            let of = fetched(records);
            let all = read(&of);
            assert_eq!(all.len() as i64, count, "{records:?}");
            assert!(all.is_sorted_by(|a, b| a.offset < b.offset));
            for record in &all {
                record.for_each_header(|_, _| {});
            }
        }
        count
    }
}
