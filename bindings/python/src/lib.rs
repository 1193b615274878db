//! The compiled part of the Python package `kafka_rs`, on the C surface of libkafka_rs.
//!
//! Here is what is called for each message. What is called seldom is Python, in `kafka_rs/*.py`. The interpreter lock
//! is released by every call that can wait, and never waited for with a lock of ours held.

mod admin;
mod arrow;
mod callback;
mod calls;
mod chan;
mod cluster;
mod collector;
mod conf;
mod consumer;
mod error;
mod ffi;
mod fork;
mod future;
mod input;
mod logs;
mod loop_calls;
mod message;
mod mock;
mod partitions;
mod producer;
mod reader;
mod rows;
mod wait;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::admin::{admin_delete_topics, admin_topics};
    #[pymodule_export]
    use crate::arrow::ArrowRows;
    #[pymodule_export]
    use crate::chan::{Channel, ChannelClosed, select};
    #[pymodule_export]
    use crate::cluster::{
        client_set_sasl, client_set_token, client_token_failed, cluster_identity, cluster_metadata,
        cluster_watermarks,
    };
    #[pymodule_export]
    use crate::conf::conf_get;
    #[pymodule_export]
    use crate::consumer::ConsumerCore;
    #[pymodule_export]
    use crate::fork::_forked;
    #[pymodule_export]
    use crate::future::DeliveryFuture;
    #[pymodule_export]
    use crate::loop_calls::LoopCalls;
    #[pymodule_export]
    use crate::message::Message;
    #[pymodule_export]
    use crate::mock::MockCore;
    #[pymodule_export]
    use crate::producer::ProducerCore;

    /// Version of kafka_rs.
    #[pyfunction]
    fn version() -> &'static str {
        crate::error::version()
    }

    /// Version of the librdkafka inside.
    #[pyfunction]
    fn librdkafka_version() -> &'static str {
        crate::error::librdkafka_version()
    }

    /// Name of an error code.
    #[pyfunction]
    fn error_name(code: i32) -> &'static str {
        crate::error::error_name(code)
    }

    /// Text of an error code.
    #[pyfunction]
    fn error_text(code: i32) -> &'static str {
        crate::error::error_text(code)
    }
}
