//! A mock cluster inside the test, for programs that the test runs.
#![allow(unsafe_code, reason = "it calls the C surface")]
#![allow(dead_code, reason = "not every test program needs one")]

use std::ffi::{CStr, CString};
use std::ptr::null_mut;

use kafka_rs::ffi::mock;
use kafka_rs::ffi::types::*;

/// Starts a cluster with these topics and numbers of partitions; it runs until
/// the test ends. Returns its bootstrap servers.
pub fn start_mock(topics: &[(&str, i32)]) -> String {
    let mut cluster = krs_mock::default();
    let mut text = [0; 256];
    // SAFETY: the places and names are alive, and the buffer has its size.
    unsafe {
        assert_eq!(mock::krs_mock_open(1, &mut cluster, null_mut()), KRS_OK);
        for (name, partitions) in topics {
            let name = CString::new(*name).expect("no NUL");
            let code = mock::krs_mock_topic(cluster, name.as_ptr(), *partitions, 1, null_mut());
            assert_eq!(code, KRS_OK);
        }
        let buffer = text.as_mut_ptr();
        let code = mock::krs_mock_bootstrap(cluster, buffer, text.len(), null_mut(), null_mut());
        assert_eq!(code, KRS_OK);
        CStr::from_ptr(buffer).to_string_lossy().into_owned()
    }
}
