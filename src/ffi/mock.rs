//! Section `mock`.

use std::ffi::c_char;
use std::sync::Arc;

use super::conf::copy_text;
use super::decode::{out, text};
use super::guard;
use super::objects::MOCKS;
use super::types::{krs_code, krs_error, krs_mock};
use crate::mock::Mock;

/// Starts a Kafka cluster inside this process, on ports of 127.0.0.1: the mock
/// of librdkafka, for demonstrations and tests. It makes topics by itself (4
/// partitions), keeps at most 5 MiB and 100,000 messages of a partition, and
/// does not keep Kafka's promises on transactions.
///
/// Ownership: runs until `krs_mock_close()`.
/// Threads: any.
/// Errors: `KRS_ERR_ARGUMENT` for other than 1 to 100 brokers; `KRS_ERR_SYSTEM`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_mock_open(
    brokers: u32,
    mock: *mut krs_mock,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes NULL or a place for the result.
        let place = unsafe { out("mock", mock) }?;
        place.id = MOCKS.insert(Arc::new(Mock::open(brokers)?))?;
        Ok(())
    })
}

/// Makes a topic of 1 to 10,000 partitions, with a replication of 1 to 100.
///
/// Ownership: the name is copied.
/// Threads: any.
/// Errors: `KRS_ERR_ARGUMENT`; the broker's code if it exists already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_mock_topic(
    mock: krs_mock,
    name: *const c_char,
    partitions: i32,
    replication: i32,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes a NUL-terminated string.
        let name = unsafe { text("name", name) }?;
        let mock = MOCKS.get(mock.id)?;
        mock.create_topic(name, partitions, replication)
    })
}

/// Writes the value for `bootstrap.servers`, NUL-terminated, to `buffer` of
/// `capacity` bytes, and its length to `*len`, unless that is NULL. With
/// `capacity` 0 it only tells the length.
///
/// Ownership: copied to the caller's memory.
/// Threads: any.
/// Errors: `KRS_ERR_ARGUMENT` if it does not fit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_mock_bootstrap(
    mock: krs_mock,
    buffer: *mut c_char,
    capacity: usize,
    len: *mut usize,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        let mock = MOCKS.get(mock.id)?;
        // SAFETY: the caller's buffer has `capacity` bytes.
        unsafe { copy_text("the address", mock.bootstrap(), buffer, capacity, len) }
    })
}

/// Takes a broker away (`up` 0), as if it had died, or brings it back (1) with what
/// it kept. Brokers are numbered from 1.
///
/// Threads: any.
/// Errors: `KRS_ERR_ARGUMENT` for a broker that the cluster does not have.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_mock_set_broker_up(
    mock: krs_mock,
    broker: i32,
    up: u32,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || MOCKS.get(mock.id)?.set_broker_up(broker, up != 0))
}

/// Has a broker answer `delay_ms` later from now on; 0 = at once.
///
/// Threads: any.
/// Errors: `KRS_ERR_ARGUMENT` for a broker that the cluster does not have, or a
/// negative delay.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_mock_set_broker_delay(
    mock: krs_mock,
    broker: i32,
    delay_ms: i32,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        MOCKS.get(mock.id)?.set_broker_delay(broker, delay_ms)
    })
}

/// Stops the cluster; what it kept is gone.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_mock_close(mock: krs_mock, err: *mut krs_error) -> krs_code {
    guard(err, || MOCKS.remove(mock.id).map(drop))
}
