//! librdkafka's configuration object and its own list of properties.

use std::ffi::{CStr, CString, c_char};
use std::ptr;

use once_cell::sync::Lazy;
use rdkafka_sys as sys;
use rdkafka_sys::rd_kafka_conf_res_t::{RD_KAFKA_CONF_OK, RD_KAFKA_CONF_UNKNOWN};

use super::c_string;
use crate::conf::property::{self, Property};
use crate::error::{Error, Result, code};

/// Owns a `rd_kafka_conf_t`.
pub struct Conf(ptr::NonNull<sys::rd_kafka_conf_t>);

// SAFETY: a configuration object has no thread of its own; it is only changed
// through `&mut self`.
unsafe impl Send for Conf {}
// SAFETY: `&self` methods only read.
unsafe impl Sync for Conf {}

impl Conf {
    pub fn new() -> Self {
        // SAFETY: allocates; librdkafka aborts rather than return NULL.
        let conf = ptr::NonNull::new(unsafe { sys::rd_kafka_conf_new() });
        Self(conf.expect("rd_kafka_conf_new never returns NULL"))
    }

    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_conf_t {
        self.0.as_ptr()
    }

    /// Hands the object over; the caller frees it.
    pub(super) fn into_ptr(self) -> *mut sys::rd_kafka_conf_t {
        let pointer = self.as_ptr();
        std::mem::forget(self);
        pointer
    }

    /// Sets a property; a topic-level name changes the default topic configuration.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let (c_name, c_value) = (c_string("property", name)?, c_string("value", value)?);
        let mut text = [0; 512];
        // SAFETY: the strings outlive the call and the buffer has the size given.
        let result = unsafe {
            sys::rd_kafka_conf_set(
                self.as_ptr(),
                c_name.as_ptr(),
                c_value.as_ptr(),
                text.as_mut_ptr(),
                text.len(),
            )
        };
        if result == RD_KAFKA_CONF_OK {
            return Ok(());
        }
        // SAFETY: librdkafka wrote a NUL-terminated text, or left the zeros.
        let text = unsafe { CStr::from_ptr(text.as_ptr()) };
        let text = text.to_string_lossy().trim_end().to_owned();
        Err(Error::new(code::INVALID_ARG, text))
    }

    /// The effective value of a property, its default included. `None` if it has none.
    pub fn get(&self, name: &str) -> Option<String> {
        let name = CString::new(name).ok()?;
        self.get_global(&name).or_else(|| self.get_topic(&name))
    }

    fn get_global(&self, name: &CStr) -> Option<String> {
        read_sized(|buffer, size| {
            // SAFETY: `buffer` is NULL or has `*size` bytes; `name` is NUL-terminated.
            unsafe { sys::rd_kafka_conf_get(self.as_ptr(), name.as_ptr(), buffer, size) }
        })
    }

    fn get_topic(&self, name: &CStr) -> Option<String> {
        // SAFETY: returns a borrowed pointer into this object, or NULL.
        let mut topic = unsafe { sys::rd_kafka_conf_get_default_topic_conf(self.as_ptr()) };
        let fresh = if topic.is_null() {
            // SAFETY: allocates an object with all defaults.
            topic = unsafe { sys::rd_kafka_topic_conf_new() };
            Some(topic)
        } else {
            None
        };
        let value = read_sized(|buffer, size| {
            // SAFETY: as in `get_global`; `topic` is alive until below.
            unsafe { sys::rd_kafka_topic_conf_get(topic, name.as_ptr(), buffer, size) }
        });
        if let Some(fresh) = fresh {
            // SAFETY: made above, freed once.
            unsafe { sys::rd_kafka_topic_conf_destroy(fresh) };
        }
        value
    }
}

impl Clone for Conf {
    fn clone(&self) -> Self {
        // SAFETY: copies a live object; never NULL.
        let copy = ptr::NonNull::new(unsafe { sys::rd_kafka_conf_dup(self.as_ptr()) });
        Self(copy.expect("rd_kafka_conf_dup never returns NULL"))
    }
}

impl Drop for Conf {
    fn drop(&mut self) {
        // SAFETY: owned, and not used after this.
        unsafe { sys::rd_kafka_conf_destroy(self.as_ptr()) }
    }
}

fn read_sized(
    read: impl Fn(*mut c_char, *mut usize) -> sys::rd_kafka_conf_res_t,
) -> Option<String> {
    let mut size = 0;
    if read(ptr::null_mut(), &mut size) == RD_KAFKA_CONF_UNKNOWN {
        return None;
    }
    let mut buffer = vec![0u8; size + 1];
    size = buffer.len();
    if read(buffer.as_mut_ptr().cast(), &mut size) != RD_KAFKA_CONF_OK {
        return None;
    }
    let end = buffer.iter().position(|byte| *byte == 0)?;
    buffer.truncate(end);
    String::from_utf8(buffer).ok()
}

/// All properties that librdkafka documents, read once from its own table.
pub fn properties() -> &'static [Property] {
    static ALL: Lazy<Vec<Property>> = Lazy::new(|| property::parse(&properties_text()));
    &ALL
}

fn properties_text() -> String {
    let (mut text, mut size) = (ptr::null_mut::<c_char>(), 0usize);
    // SAFETY: an in-memory stream; both variables outlive it.
    let stream = unsafe { libc::open_memstream(&mut text, &mut size) };
    if stream.is_null() {
        return String::new();
    }
    // SAFETY: the stream is open; closing it completes `text` and `size`, which
    // are ours to free.
    unsafe {
        sys::rd_kafka_conf_properties_show(stream.cast());
        libc::fclose(stream);
        let bytes = std::slice::from_raw_parts(text.cast::<u8>(), size);
        let copy = String::from_utf8_lossy(bytes).into_owned();
        libc::free(text.cast());
        copy
    }
}
