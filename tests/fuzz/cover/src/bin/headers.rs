//! A message with headers of any bytes goes through a channel, and what comes out is looked at through the batch: if it
//! was taken, key, value and headers are those that went in.
#![no_main]

use std::mem::{size_of, zeroed};
use std::ptr::null_mut;

use cover::*;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (first, headers) = data.split_first().unwrap_or((&0, &[]));
    let value = &headers[..headers.len().min(usize::from(*first))];
    // SAFETY: as the header wants it; zero is a value of each of these structs.
    unsafe {
        let (mut chan, mut batch, mut view) = (0, null_mut(), View::new());
        krs_chan_new(4, &mut chan, null_mut());
        let mut message: Message = zeroed();
        message.struct_size = size_of::<Message>() as u32;
        message.value = Bytes::of(value);
        message.headers = Bytes::of(headers);
        let sent = krs_chan_send(chan, &message, 0, null_mut());
        let got = krs_chan_recv(chan, &mut batch, u32::MAX, 4, 0, &mut view, null_mut());
        assert_eq!(
            sent == 0,
            got == 0,
            "what was sent comes out, and nothing else"
        );
        if got == 0 {
            let mut row: Row = zeroed();
            row.struct_size = size_of::<Row>() as u32;
            assert_eq!(krs_batch_row(batch, 0, &mut row, null_mut()), 0);
            let out = std::slice::from_raw_parts(row.value.data, row.value.len);
            assert_eq!(out, value);
            assert_eq!(packed(batch, row.header_count), headers);
        }
        krs_batch_free(batch);
        krs_chan_free(chan, null_mut());
    }
});

/// The headers of row 0, packed as they went in.
///
/// # Safety
/// The batch is live, and has a row.
unsafe fn packed(batch: *mut std::ffi::c_void, count: u32) -> Vec<u8> {
    let mut all = Vec::new();
    for number in 0..count {
        let (mut key, mut value) = (Bytes::NULL, Bytes::NULL);
        // SAFETY: by the caller's promise; what comes out lives as long as the batch.
        let (key, value) = unsafe {
            assert_eq!(
                krs_batch_header(batch, 0, number, &mut key, &mut value, null_mut()),
                0
            );
            let key = std::slice::from_raw_parts(key.data, key.len);
            (
                key,
                (!value.data.is_null()).then(|| std::slice::from_raw_parts(value.data, value.len)),
            )
        };
        all.extend((key.len() as i32).to_ne_bytes());
        all.extend(value.map_or(-1, |value| value.len() as i32).to_ne_bytes());
        all.extend(key);
        all.extend(value.unwrap_or_default());
    }
    all
}
