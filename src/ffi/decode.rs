//! Reading what a caller passed, and writing what it asked for. Every pointer
//! is checked here, and an error names the argument.

use std::ffi::{CStr, c_char};

use super::types::{krs_bytes, krs_column};
use crate::batch::Column;
use crate::error::{Error, Result};

/// Structs that callers allocate: `struct_size` comes first and tells which
/// version of the struct the caller was compiled with.
///
/// # Safety
/// `#[repr(C)]`, starts with `struct_size: u32`, and any bytes are a valid value.
pub unsafe trait Sized32: Copy {
    const NAME: &'static str;
    /// Size of the first version, the least that a caller can have.
    const FIRST_SIZE: usize;
}

fn null(name: &str) -> Error {
    Error::argument(format!("{name} is NULL"))
}

/// # Safety
/// `text` is NULL or NUL-terminated, and lives as long as `'a`.
pub unsafe fn text<'a>(name: &str, text: *const c_char) -> Result<&'a str> {
    if text.is_null() {
        return Err(null(name));
    }
    // SAFETY: not NULL, and NUL-terminated by the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map_err(|cause| {
        // Without the text, which may be a secret.
        let at = cause.valid_up_to();
        Error::argument(format!("{name} is not UTF-8 from byte {at} on"))
    })
}

/// # Safety
/// `bytes.data` is NULL or points to `bytes.len` bytes that live as long as `'a`.
pub unsafe fn bytes<'a>(name: &str, bytes: krs_bytes) -> Result<Option<&'a [u8]>> {
    if bytes.data.is_null() {
        if bytes.len > 0 {
            return Err(Error::argument(format!(
                "{name}: data is NULL and len is {}",
                bytes.len
            )));
        }
        return Ok(None);
    }
    // SAFETY: by the caller's promise.
    unsafe { slice(name, bytes.data, bytes.len) }.map(Some)
}

/// # Safety
/// `data` is NULL or points to `len` values that live as long as `'a`.
pub unsafe fn slice<'a, T>(name: &str, data: *const T, len: usize) -> Result<&'a [T]> {
    if len == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(null(name));
    }
    if len > isize::MAX as usize / size_of::<T>().max(1) || !data.is_aligned() {
        return Err(Error::argument(format!(
            "{name}: {len} values at {data:p} can't be an array"
        )));
    }
    // SAFETY: by the caller's promise; size and alignment were checked.
    Ok(unsafe { std::slice::from_raw_parts(data, len) })
}

/// # Safety
/// `data` is NULL or points to `len` values that only this call uses.
pub unsafe fn slice_mut<'a, T>(name: &str, data: *mut T, len: usize) -> Result<&'a mut [T]> {
    // SAFETY: by the caller's promise; looked at for its checks only.
    unsafe { slice(name, data.cast_const(), len) }?;
    if len == 0 {
        return Ok(&mut []);
    }
    // SAFETY: by the caller's promise; size and alignment were checked.
    Ok(unsafe { std::slice::from_raw_parts_mut(data, len) })
}

/// # Safety
/// `place` is NULL or points to a value that only this call uses.
pub unsafe fn out<'a, T>(name: &str, place: *mut T) -> Result<&'a mut T> {
    // SAFETY: by the caller's promise.
    unsafe { place.as_mut() }.ok_or_else(|| null(name))
}

/// Reads a struct of the caller's version; fields it does not have are zero.
///
/// # Safety
/// `from` is NULL or points to a struct of `struct_size` bytes.
pub unsafe fn sized<T: Sized32>(from: *const T) -> Result<T> {
    let size = size_of_callers::<T>(from)?;
    if size == size_of::<T>() {
        // The caller has our version: a copy whose size the compiler knows.
        // SAFETY: any bytes are a valid T, and so many are there.
        return Ok(unsafe { from.read_unaligned() });
    }
    // SAFETY: any bytes are a valid T; `size` is at most the size of both.
    unsafe {
        let mut value = std::mem::zeroed::<T>();
        std::ptr::copy_nonoverlapping(
            from.cast::<u8>(),
            std::ptr::from_mut(&mut value).cast(),
            size,
        );
        Ok(value)
    }
}

/// Writes as much of a struct as the caller's version has.
///
/// # Safety
/// `to` is NULL or points to a struct of `struct_size` bytes.
pub unsafe fn write_sized<T: Sized32>(to: *mut T, value: &T) -> Result<()> {
    let size = size_of_callers::<T>(to)?;
    let after = size_of::<u32>();
    // SAFETY: both have `size` bytes; the caller's `struct_size` is kept.
    unsafe {
        std::ptr::copy_nonoverlapping(
            std::ptr::from_ref(value).cast::<u8>().add(after),
            to.cast::<u8>().add(after),
            size - after,
        );
    }
    Ok(())
}

/// The part that the caller's struct and ours have in common.
pub fn size_of_callers<T: Sized32>(at: *const T) -> Result<usize> {
    if at.is_null() {
        return Err(null(T::NAME));
    }
    // SAFETY: not NULL, and starts with its size by the caller's promise.
    let size = unsafe { at.cast::<u32>().read_unaligned() } as usize;
    if size < T::FIRST_SIZE {
        return Err(Error::argument(format!(
            "{}.struct_size is {size}, expected {} or more: start with the _INIT macro",
            T::NAME,
            T::FIRST_SIZE
        )));
    }
    Ok(size.min(size_of::<T>()))
}

/// Refuses an empty array.
pub fn some(name: &str, count: usize) -> Result<()> {
    if count == 0 {
        return Err(Error::argument(format!("{name}: expected at least one")));
    }
    Ok(())
}

/// Reads an array of structs, at least one. They are as far apart as the first says
/// that it is large, so all must say the same.
///
/// # Safety
/// `first` is NULL or points to `count` structs of `struct_size` bytes.
pub unsafe fn elements<T: Sized32>(
    name: &str,
    first: *const T,
    count: usize,
) -> Result<impl Iterator<Item = Result<T>>> {
    some(name, count)?;
    size_of_callers(first)?;
    // SAFETY: not NULL, and starts with its size by the caller's promise.
    let stride = unsafe { first.cast::<u32>().read_unaligned() };
    Ok((0..count).map(move |index| {
        // SAFETY: the structs before this one were `stride` bytes, or it was not reached.
        let at = unsafe { first.byte_add(index * stride as usize) };
        // SAFETY: a first one that said less than it is led into itself, or one after it.
        let size = unsafe { at.cast::<u32>().read_unaligned() };
        if size != stride {
            return Err(Error::argument(format!(
                "{}.struct_size is {size} at index {index}, expected {stride} as in the first",
                T::NAME
            )));
        }
        // SAFETY: by the caller's promise.
        unsafe { sized(at) }
    }))
}

/// # Safety
/// `data` is NULL or points to `len` values that live as long as `'a`.
pub unsafe fn optional<'a, T>(name: &str, data: *const T, len: usize) -> Result<Option<&'a [T]>> {
    if data.is_null() {
        return Ok(None);
    }
    // SAFETY: by the caller's promise.
    unsafe { slice(name, data, len) }.map(Some)
}

impl<'a> Column<'a> {
    /// `None` for a column that is null in every row.
    ///
    /// # Safety
    /// The column's pointers are NULL or have the sizes that the header asks for.
    pub unsafe fn decode(name: &str, from: krs_column, count: usize) -> Result<Option<Self>> {
        if from.offsets.is_null() {
            return Ok(None);
        }
        // SAFETY: by the caller's promise.
        let offsets = unsafe { slice(name, from.offsets, count.saturating_add(1)) }?;
        if !offsets.is_sorted() || offsets[0] < 0 {
            return Err(Error::argument(format!(
                "{name}: the offsets do not ascend from 0"
            )));
        }
        let end = offsets.last().map_or(0, |end| *end as usize);
        // SAFETY: as above; `data` reaches to the last offset.
        let data = unsafe { slice(name, from.data, end) }?;
        // SAFETY: as above; one bit a value.
        let validity = unsafe { optional(name, from.validity, count.div_ceil(8)) }?;
        Ok(Some(Self::new(offsets, data, validity)))
    }
}
