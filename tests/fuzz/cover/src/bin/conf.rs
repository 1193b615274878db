//! Keys and values of a configuration, set and read back: lines of `key=value`.
#![no_main]

use std::ffi::CString;
use std::ptr::null_mut;

use cover::*;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (kind, lines) = data.split_first().unwrap_or((&0, &[]));
    let mut conf = null_mut();
    // SAFETY: as the header wants it.
    unsafe {
        krs_conf_new(u32::from(kind % 2) + 1, &mut conf, null_mut());
        for line in lines.split(|byte| *byte == b'\n') {
            let mut parts = line.splitn(2, |byte| *byte == b'=');
            let mut part = || CString::new(parts.next().unwrap_or_default());
            let (Ok(name), Ok(value)) = (part(), part()) else {
                continue;
            };
            // Would load a library, or read a file, of that name.
            if name.as_bytes().starts_with(b"plugin") || name.as_bytes().ends_with(b"location") {
                continue;
            }
            krs_conf_set(conf, name.as_ptr(), value.as_ptr(), null_mut());
            krs_conf_set_default_topic(conf, name.as_ptr(), value.as_ptr(), null_mut());
            let (mut text, mut len) = ([0; 64], 0);
            krs_conf_get(
                conf,
                name.as_ptr(),
                text.as_mut_ptr(),
                64,
                &mut len,
                null_mut(),
            );
        }
        krs_conf_free(conf);
    }
});
