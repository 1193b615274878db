//! Transactions of a producer. Every call but `begin` waits for a broker.

use std::ptr;

use rdkafka_sys as sys;

use super::client::error_result;
use super::{Client, List};
use crate::error::Result;

impl Client {
    pub fn init_transactions(&self, timeout_ms: i32) -> Result<()> {
        // SAFETY: the client is alive.
        unsafe { error_result(sys::rd_kafka_init_transactions(self.as_ptr(), timeout_ms)) }
    }

    pub fn begin_transaction(&self) -> Result<()> {
        // SAFETY: the client is alive.
        unsafe { error_result(sys::rd_kafka_begin_transaction(self.as_ptr())) }
    }

    pub fn commit_transaction(&self, timeout_ms: i32) -> Result<()> {
        // SAFETY: the client is alive.
        unsafe { error_result(sys::rd_kafka_commit_transaction(self.as_ptr(), timeout_ms)) }
    }

    pub fn abort_transaction(&self, timeout_ms: i32) -> Result<()> {
        // SAFETY: the client is alive.
        unsafe { error_result(sys::rd_kafka_abort_transaction(self.as_ptr(), timeout_ms)) }
    }

    /// `group` as [`Client::group_metadata`] packed it, here or in another process.
    pub fn send_offsets_to_transaction(
        &self,
        offsets: &List,
        group: &[u8],
        timeout_ms: i32,
    ) -> Result<()> {
        // SAFETY: the bytes are read within their length and checked by
        // librdkafka; the metadata made of them is ours and freed at the end.
        unsafe {
            let mut metadata = ptr::null_mut();
            error_result(sys::rd_kafka_consumer_group_metadata_read(
                &mut metadata,
                group.as_ptr().cast(),
                group.len(),
            ))?;
            let sent = error_result(sys::rd_kafka_send_offsets_to_transaction(
                self.as_ptr(),
                offsets.as_ptr(),
                metadata,
                timeout_ms,
            ));
            sys::rd_kafka_consumer_group_metadata_destroy(metadata);
            sent
        }
    }
}
