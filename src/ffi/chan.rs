//! Section `chan`.

use std::ffi::c_int;
use std::sync::Arc;

use super::batch::{Lent, krs_batch, lend, view_of};
use super::decode::{Sized32, elements, out, sized};
use super::guard;
use super::objects::{CHANS, forget_if_closed};
use super::producer::{decode_message, topic_of};
use super::types::{
    KRS_ALL, KRS_CASE_RECV, KRS_CASE_SEND, krs_batch_view, krs_case, krs_chan, krs_code, krs_error,
    krs_message,
};
use crate::chan::{self, Case, Chan, Op, Queue, Until};
use crate::error::{Error, Result, code};
use crate::producer::Topic;

// SAFETY: repr(C), `struct_size` first, integers and pointers only.
unsafe impl Sized32 for krs_case {
    const NAME: &'static str = "case";
    const FIRST_SIZE: usize = 48;
}

/// Makes a channel that holds up to `capacity` messages. With capacity 0 a send
/// is done only when a receiver has taken the message.
///
/// Ownership: the channel is the caller's: `krs_chan_free()` ends it.
/// Threads: any.
/// Errors: `KRS_ERR_ARGUMENT` for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_chan_new(
    capacity: usize,
    chan: *mut krs_chan,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes NULL or a place for the result.
        let place = unsafe { out("chan", chan) }?;
        place.id = CHANS.insert(Chan::Queue(Queue::new(capacity)).into())?;
        Ok(())
    })
}

/// Sends a message: to a produce channel to be produced, to any other channel
/// for its receivers, who get it as a row of kind `KRS_EVENT_MESSAGE`.
///
/// `timeout_ms` says how long to wait for room: 0 = do not wait, -1 = for ever.
///
/// Ownership: all is copied.
/// Threads: any.
/// Errors: `KRS_ERR_WOULD_BLOCK`, `KRS_ERR_TIMED_OUT`: no room;
/// `KRS_ERR_CLOSED`; on a produce channel also those of `krs_producer_send()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_chan_send(
    chan: krs_chan,
    message: *const krs_message,
    timeout_ms: i32,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes a krs_message whose bytes are alive.
        let message = unsafe { sized(message) }?;
        let topic = topic_of(&message)?;
        // SAFETY: as above.
        let message = unsafe { decode_message(&message, topic.as_deref()) }?;
        let until = Until::from_timeout(timeout_ms);
        chan::send(CHANS.get(chan.id)?, &message, until)
    })
}

/// Receives up to `max` rows (`KRS_ALL` = as many as one batch takes) and at least
/// one, for which it waits up to `timeout_ms` (0 = do not wait, -1 = for ever).
/// There may be more than it gives: a batch ends at about 16 MiB, and where the
/// channel keeps rows in smaller pieces. To empty a channel, call until
/// `KRS_ERR_WOULD_BLOCK`. A closed channel first gives what it holds.
///
/// `*batch` is NULL at first, then what the last call left there; its memory is
/// used again. `view` starts as `KRS_BATCH_VIEW_INIT`.
///
/// `delivered` counts the rows of the old batch that the application has dealt
/// with; the rest comes again, unless it became stale meanwhile. `KRS_ALL`: all
/// of them. What was delivered is what a consumer commits, so a program that
/// dies in the middle of a batch gets that batch again. `max` 0 receives
/// nothing and only tells what was delivered.
///
/// Ownership: `*batch` is the caller's, to be freed with `krs_batch_free()`, also
/// after a failed call; on failure `view->count` is 0. The view is valid until
/// the next call with that batch.
/// Threads: any number may receive from a channel; a batch is used by one thread
/// at a time. Several receivers of one consumer share the position of a
/// partition: the furthest row delivered counts.
/// Errors: `KRS_ERR_WOULD_BLOCK`, `KRS_ERR_TIMED_OUT`: no row yet;
/// `KRS_ERR_CLOSED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_chan_recv(
    chan: krs_chan,
    batch: *mut *mut krs_batch,
    delivered: u32,
    max: u32,
    timeout_ms: i32,
    view: *mut krs_batch_view,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes places for the batch and the view, and a
        // batch that only this call uses.
        let mut batch = unsafe { lend(batch) }?;
        // SAFETY: as above. Whatever happens next, the old view is over.
        unsafe { view_of(None, view) }?;
        give_back(&mut batch, delivered);
        let target = CHANS.get(chan.id)?;
        if max == 0 {
            return target.visit();
        }
        let result = chan::recv(target, max as usize, &mut batch, timeout_ms);
        forget_if_closed(chan.id, &result);
        result?;
        // SAFETY: as above.
        unsafe { view_of(Some(&mut batch), view) }
    })
}

/// Does what one of `count` cases asks for, the first that is ready; if several
/// are, one of them at random, so that none starves. `*chosen` becomes its
/// index, and the result is that of its send or receive, `KRS_ERR_CLOSED` for
/// example. A case whose channel is none takes no part: it is never ready, and its
/// batch and view stay as they are.
///
/// Every other receiving case gives its batch back as the call begins, chosen or
/// not, and its old view ends: a consumer has to know what was delivered before
/// it waits, to commit it, to answer a rebalance, and to have room for more rows. A
/// batch that the program has not done with needs a channel of none, or
/// `delivered` that says how far it got: the rest comes again.
///
/// `timeout_ms` 0: if no case is ready, `KRS_ERR_WOULD_BLOCK` (the `default` of
/// Go's select); -1 = wait for ever.
///
/// Ownership: as for `krs_chan_send()` and `krs_chan_recv()`; a receiving case
/// has a batch and a view of its own, and only the chosen one's are filled.
/// Threads: any.
/// Errors: `KRS_ERR_WOULD_BLOCK`, `KRS_ERR_TIMED_OUT` with `*chosen` = `count`;
/// otherwise those of the chosen case.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_chan_select(
    cases: *const krs_case,
    count: usize,
    timeout_ms: i32,
    chosen: *mut usize,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes a place for the result.
        let chosen = unsafe { out("chosen", chosen) }?;
        *chosen = count;
        // SAFETY: the caller passes `count` cases of one version, with bytes,
        // batches and views that only this call uses.
        let mut places = unsafe { decode_cases(cases, count) }?;
        // SAFETY: as above.
        let (index, result) = unsafe { select(&mut places, timeout_ms) }?;
        if !matches!(&result, Err(e) if matches!(e.code, code::WOULD_BLOCK | code::TIMED_OUT)) {
            *chosen = index;
        }
        if let Some(Place {
            chan,
            what: What::Recv { batch, view, .. },
        }) = places.get_mut(index)
        {
            forget_if_closed(chan.id, &result);
            result?;
            // SAFETY: as above.
            return unsafe { view_of(Some(batch), *view) };
        }
        result
    })
}

/// Rows that wait in the channel, and how many may. A produce channel is always
/// empty: what was sent to it is in librdkafka's queue. `len` and `capacity` may
/// be NULL.
///
/// Threads: any. Others may have changed it meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_chan_len(
    chan: krs_chan,
    len: *mut usize,
    capacity: *mut usize,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        let (there, most) = CHANS.get(chan.id)?.len_and_capacity();
        // SAFETY: the caller passes NULL or places for the results.
        let (len, capacity) = unsafe { (len.as_mut(), capacity.as_mut()) };
        if let Some(len) = len {
            *len = there;
        }
        if let Some(capacity) = capacity {
            *capacity = most;
        }
        Ok(())
    })
}

/// A descriptor that is readable while it is worth calling `krs_chan_recv()`:
/// rows are there, or the channel was closed. For poll, epoll and event loops;
/// level-triggered. It may be readable now and then without a row: receive with
/// `timeout_ms` 0. On a consumer's channel it also becomes readable every third
/// of `max.poll.interval.ms`, and a call is due then.
///
/// Ownership: belongs to the channel, which closes it: do not read, write or
/// close it. Use it no longer once a receive returned `KRS_ERR_CLOSED`, or after
/// `krs_chan_free()`.
/// Threads: any.
/// Errors: `KRS_ERR_SYSTEM` if there is no descriptor to be had.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_chan_fd(
    chan: krs_chan,
    fd: *mut c_int,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes NULL or a place for the result.
        let place = unsafe { out("fd", fd) }?;
        *place = CHANS.get(chan.id)?.fd()?;
        Ok(())
    })
}

/// Closes a channel of `krs_chan_new()`: senders get `KRS_ERR_CLOSED`, receivers
/// what it holds and then `KRS_ERR_CLOSED`; whoever waits, wakes. A report that
/// was to go to it goes to the events channel of its producer.
///
/// Threads: any. Closing again does nothing.
/// Errors: `KRS_ERR_ARGUMENT` for a channel that belongs to a client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_chan_close(chan: krs_chan, err: *mut krs_error) -> krs_code {
    guard(err, || CHANS.get(chan.id)?.close())
}

/// Closes a channel and forgets what it holds. Also for the events and logs
/// channel of a client that has been closed.
///
/// Threads: any.
/// Errors: `KRS_ERR_ARGUMENT` for a channel of a client that is open;
/// `KRS_ERR_CLOSED` if it was freed, or ended by itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_chan_free(chan: krs_chan, err: *mut krs_error) -> krs_code {
    guard(err, || {
        CHANS.get(chan.id)?.discard()?;
        CHANS.remove(chan.id).map(|_| ())
    })
}

/// A caller's case, decoded.
struct Place<'a> {
    chan: krs_chan,
    what: What<'a>,
}

enum What<'a> {
    /// What the case points to is left alone.
    Nothing,
    Send {
        message: krs_message,
        topic: Option<Arc<Topic>>,
    },
    Recv {
        batch: Lent<'a>,
        view: *mut krs_batch_view,
        delivered: u32,
        max: u32,
    },
}

/// # Safety
/// The bytes of messages to send are alive.
unsafe fn select(places: &mut [Place<'_>], timeout_ms: i32) -> Result<(usize, Result<()>)> {
    let mut chans = Vec::with_capacity(places.len());
    for place in places.iter() {
        chans.push(match CHANS.get(place.chan.id) {
            _ if matches!(place.what, What::Nothing) => None,
            Ok(chan) => Some(chan),
            // As ready as a channel can be that says so itself.
            Err(closed) if closed.code == code::CLOSED => Some(Arc::new(Chan::ended())),
            Err(wrong) => return Err(wrong),
        });
    }
    let (mut cases, mut indices) = (Vec::with_capacity(places.len()), Vec::new());
    for (index, (chan, place)) in chans.into_iter().zip(places).enumerate() {
        let Some(chan) = chan else { continue };
        let op = match &mut place.what {
            What::Nothing => continue,
            What::Send { message, topic } => {
                // SAFETY: by the caller's promise.
                Op::Send(unsafe { decode_message(message, topic.as_deref()) }?)
            }
            What::Recv {
                batch,
                delivered,
                max,
                ..
            } => {
                give_back(batch, *delivered);
                Op::Recv {
                    max: *max as usize,
                    out: batch,
                }
            }
        };
        cases.push(Case { chan, op });
        indices.push(index);
    }
    let (chosen, result) = chan::select(&mut cases, Until::from_timeout(timeout_ms));
    Ok((indices.get(chosen).copied().unwrap_or_default(), result))
}

/// # Safety
/// `cases` points to `count` cases, all of the first one's `struct_size`, whose
/// pointers are NULL or alive, and batches of which only this call makes use.
unsafe fn decode_cases<'a>(cases: *const krs_case, count: usize) -> Result<Vec<Place<'a>>> {
    // SAFETY: by the caller's promise.
    unsafe { elements("cases", cases, count) }?
        // SAFETY: as above.
        .map(|case| unsafe { decode_case(case?) })
        .collect()
}

/// # Safety
/// As for `decode_cases`.
unsafe fn decode_case<'a>(case: krs_case) -> Result<Place<'a>> {
    let what = match case.op {
        KRS_CASE_SEND | KRS_CASE_RECV if case.chan.id == 0 => What::Nothing,
        KRS_CASE_SEND => {
            // SAFETY: by the caller's promise.
            let message = unsafe { sized(case.message) }?;
            let topic = topic_of(&message)?;
            What::Send { message, topic }
        }
        KRS_CASE_RECV => {
            if case.max == 0 {
                return Err(Error::argument("case.max is 0, expected at least 1"));
            }
            // SAFETY: as above. Whatever happens next, the old view is over.
            unsafe { view_of(None, case.view) }?;
            What::Recv {
                // SAFETY: as above.
                batch: unsafe { lend(case.batch) }?,
                view: case.view,
                delivered: case.delivered,
                max: case.max,
            }
        }
        other => {
            return Err(Error::argument(format!(
                "case.op is {other}, expected KRS_CASE_SEND (1) or KRS_CASE_RECV (2)"
            )));
        }
    };
    Ok(Place {
        chan: case.chan,
        what,
    })
}

fn give_back(batch: &mut crate::batch::Batch, delivered: u32) {
    let count = match delivered {
        KRS_ALL => batch.delivered(),
        count => count as usize,
    };
    batch.give_back(count);
}
