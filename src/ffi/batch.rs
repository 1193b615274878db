//! Section `batch`.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use super::decode::{Sized32, out, write_sized};
use super::guard;
use super::types::{krs_batch_view, krs_bytes, krs_code, krs_column, krs_error, krs_row};
use crate::batch::{Batch, Kind, Row, VarColumn};
use crate::error::{Error, Result};

// SAFETY: repr(C), `struct_size` first, integers and pointers only.
unsafe impl Sized32 for krs_batch_view {
    const NAME: &'static str = "view";
    const FIRST_SIZE: usize = 232;
}

// SAFETY: as above.
unsafe impl Sized32 for krs_row {
    const NAME: &'static str = "row";
    const FIRST_SIZE: usize = 104;
}

/// The memory that holds received rows. Made by the first receive, used again
/// by each next one, freed with `krs_batch_free()`. It may outlive its client.
pub struct krs_batch {
    busy: AtomicBool,
    batch: UnsafeCell<Batch>,
}

/// A batch while one call uses it.
pub(super) struct Lent<'a>(&'a krs_batch);

impl Deref for Lent<'_> {
    type Target = Batch;

    fn deref(&self) -> &Batch {
        // SAFETY: `busy` was false and is true now, so nobody else has it.
        unsafe { &*self.0.batch.get() }
    }
}

impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut Batch {
        // SAFETY: as for `deref`.
        unsafe { &mut *self.0.batch.get() }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Release);
    }
}

/// One row of a batch that was received, as a struct.
///
/// Ownership: `row`, which starts as `KRS_ROW_INIT`, is the caller's; what it
/// points to belongs to the batch, and is valid as long as its view.
/// Threads: one at a time for one batch.
/// Errors: `KRS_ERR_ARGUMENT` if the batch has no such row.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_batch_row(
    batch: *const krs_batch,
    index: u32,
    row: *mut krs_row,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes a live batch and a krs_row.
        unsafe {
            let batch = use_once(batch)?;
            write_row(&batch, index as usize, row)
        }
    })
}

/// Header number `header` of row `index`, of `krs_row.header_count`.
///
/// Ownership: `key` and `value` point into the batch, valid as long as its view.
/// Threads: one at a time for one batch.
/// Errors: `KRS_ERR_ARGUMENT` if the batch has no such row or header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_batch_header(
    batch: *const krs_batch,
    index: u32,
    header: u32,
    key: *mut krs_bytes,
    value: *mut krs_bytes,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes a live batch and places for the results.
        let (batch, key, value) =
            unsafe { (use_once(batch)?, out("key", key)?, out("value", value)?) };
        let row = existing_row(&batch, index as usize)?;
        let at = batch
            .header_range(row)
            .nth(header as usize)
            .ok_or_else(|| {
                Error::argument(format!("header: row {index} has no header {header}"))
            })?;
        *key = borrowed(batch.header_key.get(at));
        *value = borrowed(batch.header_value.get(at));
        Ok(())
    })
}

/// Frees a batch and what its view points to. Its rows count as delivered, but
/// for those that `krs_client_poll()` has not returned. NULL is allowed.
///
/// Threads: one at a time for one batch.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_batch_free(batch: *mut krs_batch) {
    guard(ptr::null_mut(), || {
        if !batch.is_null() {
            // SAFETY: made by `lend`, and freed once by its owner.
            let mut batch = unsafe { Box::from_raw(batch) }.batch.into_inner();
            let delivered = batch.delivered();
            batch.give_back(delivered);
        }
        Ok(())
    });
}

/// The batch at `*place`, made if there is none.
///
/// # Safety
/// `place` is NULL, or points to NULL or a live batch.
pub(super) unsafe fn lend<'a>(place: *mut *mut krs_batch) -> Result<Lent<'a>> {
    // SAFETY: by the caller's promise.
    let place = unsafe { out("batch", place) }?;
    if place.is_null() {
        *place = Box::into_raw(Box::new(krs_batch {
            busy: AtomicBool::new(false),
            batch: UnsafeCell::new(Batch::default()),
        }));
    }
    // SAFETY: as above.
    unsafe { use_once(*place) }
}

/// # Safety
/// `batch` is NULL or live.
unsafe fn use_once<'a>(batch: *const krs_batch) -> Result<Lent<'a>> {
    // SAFETY: by the caller's promise.
    let batch = unsafe { batch.as_ref() }.ok_or_else(|| Error::argument("batch is NULL"))?;
    if batch.busy.swap(true, Ordering::Acquire) {
        return Err(Error::argument(
            "batch is in use by another thread: each has its own",
        ));
    }
    Ok(Lent(batch))
}

/// Writes the view of a batch, or of none.
///
/// # Safety
/// `view` is NULL or points to a krs_batch_view.
pub(super) unsafe fn view_of(batch: Option<&mut Batch>, view: *mut krs_batch_view) -> Result<()> {
    let encoded = match batch {
        Some(batch) => {
            batch.pad();
            encode(batch)
        }
        // SAFETY: integers and pointers, for which zero is a valid value.
        None => unsafe { std::mem::zeroed() },
    };
    // SAFETY: by the caller's promise.
    unsafe { write_sized(view, &encoded) }
}

fn encode(batch: &Batch) -> krs_batch_view {
    krs_batch_view {
        struct_size: 0,
        count: batch.len() as u32,
        kind: batch.kind.as_ptr(),
        flags: batch.flags.as_ptr(),
        code: batch.code.as_ptr(),
        topic: batch.topic.as_ptr(),
        partition: batch.partition.as_ptr(),
        offset: batch.offset.as_ptr(),
        timestamp: batch.timestamp.as_ptr(),
        timestamp_type: batch.timestamp_type.as_ptr(),
        leader_epoch: batch.leader_epoch.as_ptr(),
        opaque: batch.opaque.as_ptr(),
        key: column(&batch.key),
        value: column(&batch.value),
        header_start: batch.header_start.0.as_ptr(),
        header_key: column(&batch.header_key),
        header_value: column(&batch.header_value),
        topics: column(&batch.topics.names),
        topic_count: batch.topics.names.len() as u32,
        reserved: 0,
        attention: batch.attention.as_ptr(),
    }
}

fn column(column: &VarColumn) -> krs_column {
    krs_column {
        offsets: column.offsets.as_ptr(),
        data: column.data.as_ptr(),
        validity: if column.validity.is_empty() {
            ptr::null()
        } else {
            column.validity.as_ptr()
        },
    }
}

/// # Safety
/// `row` is NULL or points to a krs_row.
pub(super) unsafe fn write_row(batch: &Batch, index: usize, row: *mut krs_row) -> Result<()> {
    let at = existing_row(batch, index)?;
    let encoded = krs_row {
        header_count: batch.header_range(at).len() as u32,
        index: at as u32,
        ..encode_row(&batch.row(at))
    };
    // SAFETY: by the caller's promise.
    unsafe { write_sized(row, &encoded) }
}

/// A row that says nothing and points nowhere.
///
/// # Safety
/// `row` is NULL or points to a krs_row.
pub(super) unsafe fn clear_row(row: *mut krs_row) -> Result<()> {
    let empty = Row {
        kind: 0,
        ..Row::new(Kind::Message)
    };
    // SAFETY: by the caller's promise.
    unsafe { write_sized(row, &encode_row(&empty)) }
}

/// A row without headers, the first of its batch.
fn encode_row(from: &Row<'_>) -> krs_row {
    krs_row {
        struct_size: 0,
        kind: from.kind,
        flags: from.flags,
        timestamp_type: from.timestamp_type,
        reserved: 0,
        code: from.code,
        partition: from.partition,
        offset: from.offset,
        timestamp: from.timestamp,
        leader_epoch: from.leader_epoch,
        header_count: 0,
        opaque: from.opaque,
        topic: borrowed(from.topic.map(str::as_bytes)),
        key: borrowed(from.key),
        value: borrowed(from.value),
        index: 0,
        reserved2: 0,
    }
}

fn existing_row(batch: &Batch, index: usize) -> Result<usize> {
    if index < batch.len() {
        Ok(index)
    } else {
        Err(Error::argument(format!(
            "index is {index}, and the batch has {} rows",
            batch.len()
        )))
    }
}

fn borrowed(bytes: Option<&[u8]>) -> krs_bytes {
    krs_bytes {
        data: bytes.map_or(ptr::null(), <[u8]>::as_ptr),
        len: bytes.map_or(0, <[u8]>::len),
    }
}
