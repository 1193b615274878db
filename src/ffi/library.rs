//! Section `library`.

use std::ffi::c_char;

use super::guard_or;
use crate::rd;

/// The `krs_abi_version()` that this header belongs to. A program that finds the
/// library at run time compares the two before it calls anything else.
pub const KRS_ABI_VERSION: u32 = 1;

/// Version of this library, such as `0.1.0`. A static string.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn krs_version() -> *const c_char {
    guard_or(c"".as_ptr(), || {
        concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
    })
}

/// Version of the binary interface. It grows by one when a program compiled
/// with an older header would no longer work; additions do not change it.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn krs_abi_version() -> u32 {
    guard_or(0, || KRS_ABI_VERSION)
}

/// Version of the librdkafka inside, such as `2.12.1`. A static string.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn krs_librdkafka_version() -> *const c_char {
    guard_or(c"".as_ptr(), || rd::version().as_ptr())
}
