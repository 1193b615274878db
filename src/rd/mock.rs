//! librdkafka's mock cluster, with a client of its own to live in.

use std::ptr::NonNull;

use rdkafka_sys as sys;

use super::{Client, Conf, c_string, check, lossy, raw};
use crate::error::{Error, Result, code};

pub struct Mock {
    raw: NonNull<sys::rd_kafka_mock_cluster_t>,
    client: Option<Client>,
}

// SAFETY: the mock cluster's functions post to its own thread or lock inside.
unsafe impl Send for Mock {}
// SAFETY: as above.
unsafe impl Sync for Mock {}

impl Mock {
    pub fn new(brokers: i32) -> Result<Self> {
        let client = Client::producer(Conf::new(), &[], None)?;
        // SAFETY: the client is alive and outlives the cluster.
        let raw = unsafe { sys::rd_kafka_mock_cluster_new(client.as_ptr(), brokers) };
        let raw = NonNull::new(raw)
            .ok_or_else(|| Error::fixed(code::SYSTEM, "the mock cluster could not start"))?;
        // A group of a demonstration or test has no members to wait for.
        // SAFETY: the cluster is alive.
        unsafe { sys::rd_kafka_mock_group_initial_rebalance_delay_ms(raw.as_ptr(), 0) };
        Ok(Self {
            raw,
            client: Some(client),
        })
    }

    pub fn create_topic(&self, name: &str, partitions: i32, replication: i32) -> Result<()> {
        let name = c_string("topic", name)?;
        // SAFETY: the cluster is alive; the name is copied.
        check(unsafe {
            raw::rd_kafka_mock_topic_create(
                self.raw.as_ptr(),
                name.as_ptr(),
                partitions,
                replication,
            )
        })
    }

    pub fn set_broker_up(&self, broker: i32, up: bool) -> Result<()> {
        // SAFETY: the cluster is alive.
        check(unsafe {
            if up {
                raw::rd_kafka_mock_broker_set_up(self.raw.as_ptr(), broker)
            } else {
                raw::rd_kafka_mock_broker_set_down(self.raw.as_ptr(), broker)
            }
        })
    }

    pub fn set_broker_delay(&self, broker: i32, delay_ms: i32) -> Result<()> {
        // SAFETY: the cluster is alive.
        check(unsafe { raw::rd_kafka_mock_broker_set_rtt(self.raw.as_ptr(), broker, delay_ms) })
    }

    pub fn bootstrap(&self) -> String {
        // SAFETY: NUL-terminated; lives as long as the cluster.
        unsafe { lossy(sys::rd_kafka_mock_cluster_bootstraps(self.raw.as_ptr())) }.into_owned()
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        // SAFETY: owned, and gone before the client it lives in.
        unsafe { sys::rd_kafka_mock_cluster_destroy(self.raw.as_ptr()) };
        drop(self.client.take());
    }
}
