//! Section `client`.

use std::ffi::c_char;

use super::batch::{clear_row, krs_batch, lend, write_row};
use super::cluster::with;
use super::conf::{copy_text, krs_conf, settings};
use super::consumer::texts;
use super::decode::{Sized32, out, text, write_sized};
use super::guard;
use super::objects::{CHANS, CLIENTS, Opened, forget_if_closed};
use super::types::{
    krs_chan, krs_client, krs_close_result, krs_code, krs_error, krs_row, krs_stats, krs_topic,
};
use crate::client::{self, Client, CloseResult};
use crate::consumer::Counters;
use crate::error::{Error, Result, code};

// SAFETY: repr(C), `struct_size` first, integers only.
unsafe impl Sized32 for krs_close_result {
    const NAME: &'static str = "result";
    const FIRST_SIZE: usize = 32;
}

// SAFETY: as above.
unsafe impl Sized32 for krs_stats {
    const NAME: &'static str = "stats";
    const FIRST_SIZE: usize = 128;
}

/// Opens a client of the kind that `conf` was made for.
///
/// Ownership: `conf` is copied and stays the caller's. The client is open until
/// `krs_client_close()`.
/// Threads: any.
/// Errors: a combination of settings that is not possible, with the reason in
/// the message. A broker that can't be reached is no error here: it is told by
/// a row of kind `KRS_EVENT_ERROR`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_client_open(
    conf: *const krs_conf,
    client: *mut krs_client,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes a live configuration and a place for the result.
        let (conf, place) = unsafe { (settings(conf)?, out("client", client)?) };
        place.id = Opened::insert(Client::open(conf)?)?;
        Ok(())
    })
}

/// The client's events channel: a consumer's messages and events, or a
/// producer's delivery reports, errors and statistics. Receive from it with
/// `krs_chan_recv()`, `krs_chan_select()` or `krs_client_poll()`.
///
/// Ownership: belongs to the client; the same handle every time. A producer's
/// channel outlives it, and so does one with a descriptor (`krs_chan_fd()`):
/// after `krs_client_close()` receive what is left until `KRS_ERR_CLOSED`, or let
/// it go with `krs_chan_free()`.
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_client_events(
    client: krs_client,
    chan: *mut krs_chan,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes NULL or a place for the result.
        unsafe { out("chan", chan) }?.id = CLIENTS.get(client.id)?.events;
        Ok(())
    })
}

/// The channel with the client's log lines, of kind `KRS_EVENT_LOG`. It holds
/// 10,000 lines; what does not fit is counted and dropped.
///
/// Ownership: as for `krs_client_events()`.
/// Threads: any.
/// Errors: `KRS_ERR_STATE` unless `go.logs.channel.enable` is true.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_client_logs(
    client: krs_client,
    chan: *mut krs_chan,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes NULL or a place for the result.
        let place = unsafe { out("chan", chan) }?;
        place.id = CLIENTS.get(client.id)?.logs.ok_or(Error::fixed(
            code::STATE,
            "no logs are kept: set go.logs.channel.enable to true before krs_client_open",
        ))?;
        Ok(())
    })
}

/// Writes the client's name, such as `rdkafka#producer-1`, NUL-terminated, to
/// `buffer` of `capacity` bytes, and its length to `*len`, unless that is NULL.
/// With `capacity` 0 it only tells the length.
///
/// Ownership: copied to the caller's memory.
/// Threads: any.
/// Errors: `KRS_ERR_ARGUMENT` if it does not fit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_client_name(
    client: krs_client,
    buffer: *mut c_char,
    capacity: usize,
    len: *mut usize,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        let opened = CLIENTS.get(client.id)?;
        // SAFETY: the caller's buffer has `capacity` bytes.
        unsafe { copy_text("the name", opened.client.name(), buffer, capacity, len) }
    })
}

/// A producer's topic of this name, for `krs_message.topic`. The topic itself
/// is not created here; brokers do that when they are configured to.
///
/// Ownership: belongs to the client and closes with it; the same handle for the
/// same name every time.
/// Threads: any.
/// Errors: `KRS_ERR_ARGUMENT` for a consumer or an empty name;
/// `KRS_ERR_INVALID_ARG` for a name that is too long.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_client_topic(
    client: krs_client,
    name: *const c_char,
    topic: *mut krs_topic,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes a NUL-terminated string and a place.
        let (name, place) = unsafe { (text("name", name)?, out("topic", topic)?) };
        place.id = CLIENTS.get(client.id)?.topic(client.id, name)?;
        Ok(())
    })
}

/// Whether the client can't go on: returns `KRS_OK` if it can, otherwise the
/// code and text of what went wrong. Close such a client.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_client_fatal(client: krs_client, err: *mut krs_error) -> krs_code {
    guard(err, || {
        let fatal = CLIENTS.get(client.id)?.client.fatal_error()?;
        fatal.map_or(Ok(()), Err)
    })
}

/// Makes the client fail for good, with a code and a reason of your choice, to
/// test how a program takes it: what a broker says to a producer that was fenced
/// does the same. Events and calls then tell of it as `krs_client_fatal()` does.
///
/// Threads: any.
/// Errors: `KRS_ERR_ARGUMENT`; -177 (`_PREV_IN_PROGRESS`) if it has failed already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_client_raise_fatal(
    client: krs_client,
    code: krs_code,
    reason: *const c_char,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes a NUL-terminated string.
        let reason = unsafe { text("reason", reason) }?;
        CLIENTS.get(client.id)?.client.raise_fatal(code, reason)
    })
}

/// The next row of the client's events channel, one at a time: messages and
/// events of a consumer, reports of a producer. Rows are fetched by the batch
/// behind the scenes, yet an event never waits behind messages, and a message
/// counts as delivered when this call returned it.
///
/// `*batch` is NULL at first, then what the last call left there: it holds the
/// row. `timeout_ms`: 0 = do not wait, -1 = wait for ever. `row` starts as
/// `KRS_ROW_INIT`.
///
/// Ownership: `*batch` is the caller's, to be freed with `krs_batch_free()`. The
/// row is valid until the next call with that batch; a call that fails clears it.
/// Threads: any; a batch is used by one thread at a time.
/// Errors: `KRS_ERR_WOULD_BLOCK`, `KRS_ERR_TIMED_OUT`: no row yet;
/// `KRS_ERR_CLOSED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_client_poll(
    client: krs_client,
    batch: *mut *mut krs_batch,
    timeout_ms: i32,
    row: *mut krs_row,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes places for the batch and the row, and a
        // batch that only this call uses.
        let mut batch = unsafe { lend(batch) }?;
        // Also after the client closed, however long that took: no report is lost.
        let closed = || CLIENTS.get(client.id).is_err();
        if let Some(index) = client::next_row(&batch, closed) {
            // SAFETY: as above.
            return unsafe { write_row(&batch, index, row) };
        }
        // SAFETY: as above. The row of before is over.
        unsafe { clear_row(row) }?;
        let events = CLIENTS.get(client.id)?.events;
        let result = client::poll(CHANS.get(events)?, &mut batch, timeout_ms);
        let index = match result {
            Ok(index) => index,
            Err(error) => {
                let failed: Result<()> = Err(error);
                forget_if_closed(events, &failed);
                return failed;
            }
        };
        // SAFETY: as above.
        unsafe { write_row(&batch, index, row) }
    })
}

/// Closes a client, within `timeout_ms` (-1 = a minute).
///
/// A producer first sends what was accepted; what is left at the end is purged.
/// In any case every accepted message has its one report by then, if need be
/// with `KRS_ERR_OUTCOME_UNKNOWN`. A consumer commits what was delivered
/// (`enable.auto.commit`) and leaves its group; rows in a batch that
/// `krs_chan_recv()` handed out count as delivered. From then on the handle
/// gives `KRS_ERR_CLOSED`, everywhere, and whoever waits on it returns.
///
/// `result` starts as `KRS_CLOSE_RESULT_INIT`, or is NULL.
///
/// Ownership: batches and views stay valid.
/// Threads: any; only the first call closes.
/// Errors: `KRS_ERR_CLOSED` for a client that was closed before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_client_close(
    client: krs_client,
    timeout_ms: i32,
    result: *mut krs_close_result,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        let opened = CLIENTS.get(client.id)?;
        let outcome = opened.client.close(timeout_ms)?;
        let _ = CLIENTS.remove(client.id);
        opened.retire();
        if result.is_null() {
            return Ok(());
        }
        // SAFETY: the caller passes a krs_close_result.
        unsafe { write_sized(result, &encode(outcome)) }
    })
}

fn encode(outcome: CloseResult) -> krs_close_result {
    krs_close_result {
        struct_size: 0,
        clean: outcome.is_clean().into(),
        purged: outcome.purged as u64,
        unknown: outcome.unknown as u64,
        unfinished: outcome.unfinished.into(),
        uncommitted: outcome.uncommitted.into(),
    }
}

/// Sets the user and password that the next connections authenticate with (SASL
/// PLAIN and SCRAM). Connections that are open stay open.
///
/// Ownership: both are copied. The password is never told to anyone but brokers.
/// Threads: any.
/// Errors: `KRS_ERR_INVALID_ARG`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_client_set_sasl(
    client: krs_client,
    user: *const c_char,
    password: *const c_char,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes two strings.
        let (user, password) = unsafe { (text("user", user)?, text("password", password)?) };
        with(client, |native| native.set_credentials(user, password))
    })
}

/// Gives the OAUTHBEARER token that a `KRS_EVENT_TOKEN_REFRESH` row asked for, or a
/// fresh one at any time. `lifetime_ms` says until when it is good, in milliseconds
/// since the epoch. `extensions` are `extension_count` strings, a key and a value in
/// turn.
///
/// Ownership: all is copied. The token is never told to anyone but brokers.
/// Threads: any.
/// Errors: `KRS_ERR_INVALID_ARG` with the reason; `KRS_ERR_STATE` if
/// `sasl.mechanisms` is not OAUTHBEARER.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_client_set_token(
    client: krs_client,
    token: *const c_char,
    lifetime_ms: i64,
    principal: *const c_char,
    extensions: *const *const c_char,
    extension_count: usize,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes strings.
        let (token, principal, extensions) = unsafe {
            (
                text("token", token)?,
                text("principal", principal)?,
                texts("extensions", extensions, extension_count)?,
            )
        };
        if extensions.len() % 2 != 0 {
            return Err(Error::argument(
                "extension_count is odd, expected keys and values in turn",
            ));
        }
        with(client, |native| {
            native.set_token(token, lifetime_ms, principal, &extensions)
        })
    })
}

/// Says that there is no token: an error row tells `reason`, and another
/// `KRS_EVENT_TOKEN_REFRESH` comes after ten seconds.
///
/// Ownership: `reason` is copied.
/// Threads: any.
/// Errors: `KRS_ERR_STATE` if `sasl.mechanisms` is not OAUTHBEARER.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_client_token_failed(
    client: krs_client,
    reason: *const c_char,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes a string.
        let reason = unsafe { text("reason", reason) }?;
        with(client, |native| native.token_failed(reason))
    })
}

/// What the client counts: the core's own figures as of now, and librdkafka's as
/// of its last statistics (`statistics.interval.ms`), whose text comes as rows of
/// kind `KRS_EVENT_STATS`.
///
/// Ownership: `stats`, which starts as `KRS_STATS_INIT`, is the caller's.
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_client_stats(
    client: krs_client,
    stats: *mut krs_stats,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        let opened = CLIENTS.get(client.id)?;
        let native = opened.client.stats();
        let (counters, pending, redirected) = match &opened.client {
            Client::Producer(producer) => (
                Counters::default(),
                producer.pending(),
                producer.redirected(),
            ),
            Client::Consumer(consumer) => (consumer.counters(), 0, 0),
        };
        let encoded = krs_stats {
            struct_size: 0,
            reserved: 0,
            rows_held: counters.rows_held,
            rows_withheld: counters.rows_withheld,
            rows_stale: counters.rows_stale,
            bytes_held: counters.bytes_held,
            pending: pending as u64,
            reports_redirected: redirected,
            taken_at: native.time.saturating_mul(1000),
            messages_queued: native.msg_cnt,
            bytes_queued: native.msg_size,
            requests: native.tx,
            bytes_sent: native.tx_bytes,
            responses: native.rx,
            bytes_received: native.rx_bytes,
            messages_sent: native.txmsgs,
            messages_received: native.rxmsgs,
        };
        // SAFETY: the caller passes NULL or a krs_stats.
        unsafe { write_sized(stats, &encoded) }
    })
}
