//! What of the C header the targets call, and a reader of random data.

use std::ffi::{c_char, c_void};

use kafka_rs as _;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bytes {
    pub data: *const u8,
    pub len: usize,
}

impl Bytes {
    pub const NULL: Self = Self::of_len(0);

    const fn of_len(len: usize) -> Self {
        let data = std::ptr::null();
        Self { data, len }
    }

    pub fn of(data: &[u8]) -> Self {
        let len = data.len();
        Self {
            data: data.as_ptr(),
            len,
        }
    }
}

#[repr(C)]
pub struct Column {
    pub offsets: *const i64,
    pub data: *const u8,
    pub validity: *const u8,
}

#[repr(C)]
pub struct Message {
    pub struct_size: u32,
    pub flags: u32,
    pub topic: u64,
    pub partition: i32,
    pub reserved: u32,
    pub key: Bytes,
    pub value: Bytes,
    pub headers: Bytes,
    pub timestamp: i64,
    pub opaque: u64,
    pub report: u64,
}

#[repr(C)]
pub struct Row {
    pub struct_size: u32,
    pub kinds: [u8; 4],
    pub code: i32,
    pub partition: i32,
    pub offset: i64,
    pub timestamp: i64,
    pub leader_epoch: i32,
    pub header_count: u32,
    pub opaque: u64,
    pub topic: Bytes,
    pub key: Bytes,
    pub value: Bytes,
    pub index: u32,
    pub reserved: u32,
}

#[repr(C)]
pub struct Partitions {
    pub struct_size: u32,
    pub reserved: u32,
    pub count: usize,
    pub topics: Column,
    pub topic_count: usize,
    pub topic: *const u32,
    pub partition: *const i32,
    pub offset: *const i64,
    pub leader_epoch: *const i32,
    pub metadata: Column,
}

type Opaque = *mut c_void;

unsafe extern "C" {
    pub fn krs_conf_new(kind: u32, conf: *mut Opaque, err: Opaque) -> i32;
    pub fn krs_conf_set(
        conf: Opaque,
        name: *const c_char,
        value: *const c_char,
        err: Opaque,
    ) -> i32;
    pub fn krs_conf_set_default_topic(
        conf: Opaque,
        name: *const c_char,
        value: *const c_char,
        err: Opaque,
    ) -> i32;
    pub fn krs_conf_get(
        conf: Opaque,
        name: *const c_char,
        buffer: *mut c_char,
        capacity: usize,
        len: *mut usize,
        err: Opaque,
    ) -> i32;
    pub fn krs_conf_free(conf: Opaque);
    pub fn krs_client_open(conf: Opaque, client: *mut u64, err: Opaque) -> i32;
    pub fn krs_consumer_position(
        client: u64,
        list: *const Partitions,
        batch: *mut Opaque,
        view: Opaque,
        err: Opaque,
    ) -> i32;
    pub fn krs_chan_new(capacity: usize, chan: *mut u64, err: Opaque) -> i32;
    pub fn krs_chan_send(chan: u64, message: *const Message, timeout_ms: i32, err: Opaque) -> i32;
    pub fn krs_chan_recv(
        chan: u64,
        batch: *mut Opaque,
        delivered: u32,
        max: u32,
        timeout_ms: i32,
        view: *mut View,
        err: Opaque,
    ) -> i32;
    pub fn krs_batch_row(batch: Opaque, index: u32, row: *mut Row, err: Opaque) -> i32;
    pub fn krs_batch_header(
        batch: Opaque,
        row: u32,
        header: u32,
        key: *mut Bytes,
        value: *mut Bytes,
        err: Opaque,
    ) -> i32;
    pub fn krs_batch_free(batch: Opaque);
    pub fn krs_chan_free(chan: u64, err: Opaque) -> i32;
}

/// At least as large as the library's view, of which only the first fields are looked at.
#[repr(C)]
pub struct View {
    pub struct_size: u32,
    pub count: u32,
    pub rest: [u64; 60],
}

impl View {
    pub fn new() -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            count: 0,
            rest: [0; 60],
        }
    }
}

impl Default for View {
    fn default() -> Self {
        Self::new()
    }
}

/// Takes values off the front of random data; zeros when there is no more.
pub struct Random<'a>(pub &'a [u8]);

impl Random<'_> {
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    pub fn number(&mut self) -> i64 {
        (0..8).fold(0, |number, _| number << 8 | i64::from(self.byte()))
    }
}
