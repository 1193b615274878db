//! Section `error`.

use std::ffi::{CStr, c_char};

use super::decode::{Sized32, size_of_callers};
use super::guard_or;
use super::types::{KRS_ERROR_TRUNCATED, krs_code, krs_error};
use crate::error::{Error, code, describe_own};
use crate::rd;

// SAFETY: repr(C), `struct_size` first, integers only.
unsafe impl Sized32 for krs_error {
    const NAME: &'static str = "err";
    const FIRST_SIZE: usize = 512;
}

/// Name of a code, such as `QUEUE_FULL` (librdkafka's local codes begin with an
/// underscore there: `_QUEUE_FULL`). A static string; `UNKNOWN_CODE` for a
/// number that is no code.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn krs_error_name(code: krs_code) -> *const c_char {
    const UNKNOWN: &CStr = c"UNKNOWN_CODE";
    let name = guard_or(UNKNOWN, || {
        let own = describe_own(code).map(|(name, _)| name);
        own.or_else(|| rd::code_name(code)).unwrap_or(UNKNOWN)
    });
    name.as_ptr()
}

/// Text of a code, in English. A static string; `unknown error code` for a
/// number that is no code. The message of a `krs_error` says more.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn krs_error_text(code: krs_code) -> *const c_char {
    const UNKNOWN: &CStr = c"unknown error code";
    let text = guard_or(UNKNOWN, || {
        let own = describe_own(code).map(|(_, text)| text);
        own.or_else(|| rd::code_text(code)).unwrap_or(UNKNOWN)
    });
    text.as_ptr()
}

/// # Safety
/// `to` is NULL or points to a `krs_error`.
pub(super) unsafe fn write(to: *mut krs_error, error: Option<Error>) {
    if to.is_null() || size_of_callers(to).is_err() {
        // There is nowhere to write to.
        return;
    }
    let (code, flags, text) = match &error {
        None => (code::OK, 0, ""),
        Some(error) => (error.code, error.flags, &*error.message),
    };
    // SAFETY: not NULL, and as large as its first version; only where the field is.
    let message: *mut [c_char] = unsafe { &raw mut (*to).message };
    let fits = fitting(text, message.len() - 1);
    let cut = if fits < text.len() {
        KRS_ERROR_TRUNCATED
    } else {
        0
    };
    // SAFETY: as above; no reference is made, for the caller need not have
    // written anything but its size. The message has room for `fits` bytes and one more.
    unsafe {
        (*to).code = code;
        (*to).flags = flags | cut;
        (*to).message_len = fits as u32;
        let message = message.cast::<u8>();
        message.copy_from_nonoverlapping(text.as_ptr(), fits);
        message.add(fits).write(0);
    }
}

/// The longest beginning of at most `room` bytes that ends with a whole character.
fn fitting(text: &str, room: usize) -> usize {
    (0..=room.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0)
}
