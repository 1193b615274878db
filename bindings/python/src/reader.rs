//! Receiving from a channel of the core by the batch, and handing rows out one by one.
#![allow(unsafe_code, reason = "calls the C surface")]

use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::error::{Error, Result, call};
use crate::ffi::{self, krs_batch, krs_batch_view, krs_case, krs_chan};
use crate::rows::Rows;

/// After this time the core is called again although rows are left, so that it stores what was delivered.
const FRESH: Duration = Duration::from_millis(20);

/// Bounds of what is received at once for a program that takes one row at a time.
const MOST_AT_ONCE: usize = 1000;
const LEAST_AT_ONCE: usize = 16;

/// As many copies as are in use at once by a program that goes from one list of messages to the next.
const POOL: usize = 3;

/// The time, to a few milliseconds: looked at for every row, so it has to be cheap.
fn coarse_now() -> Duration {
    let now = clock_gettime(ClockId::MonotonicCoarse);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

pub struct Reader {
    chan: krs_chan,
    /// What the core lent us: its memory and the positions behind its rows.
    batch: *mut krs_batch,
    view: krs_batch_view,
    /// Batches before it, whose rows all were handed out, but not to the program yet: they do not count as delivered.
    held: Vec<*mut krs_batch>,
    /// Batches that hold nothing, whose memory is used again.
    spare: Vec<*mut krs_batch>,
    /// A copy of its rows.
    rows: Option<Arc<Rows>>,
    /// Copies of earlier ones, whose memory is used again once no message needs it.
    pool: Vec<Arc<Rows>>,
    /// Rows of it that were handed out.
    next: usize,
    /// Rows from here on do not count as delivered yet, although they were handed out.
    kept: Option<usize>,
    /// How many rows to receive for a program that takes one at a time: fewer if it gives many back unread.
    at_once: usize,
    /// Rows that are left may have become stale: the core is asked first.
    stale: bool,
    received: Duration,
}

// SAFETY: the batches belong to the reader alone, and may be used by one thread after the other.
unsafe impl Send for Reader {}

/// A row that was handed out.
pub struct Taken {
    pub rows: Arc<Rows>,
    pub row: usize,
}

impl Reader {
    pub fn new(chan: krs_chan) -> Self {
        Self {
            chan,
            batch: null_mut(),
            view: krs_batch_view::new(),
            held: Vec::new(),
            spare: Vec::new(),
            rows: None,
            pool: Vec::new(),
            next: 0,
            kept: None,
            at_once: MOST_AT_ONCE,
            stale: false,
            received: coarse_now(),
        }
    }

    /// The next row that is here already, if the core need not be called first.
    #[inline]
    pub fn take(&mut self) -> Option<Taken> {
        let rows = self.rows.as_ref()?;
        let row = self.next;
        // A batch gives at least one row, so that a slow program gets on.
        if row >= rows.len() || self.stale || (row > 0 && !self.is_fresh()) {
            return None;
        }
        self.next = row + 1;
        let rows = Arc::clone(rows);
        Some(Taken { rows, row })
    }

    /// The next row that is here, however long ago it came: for rows that never become stale.
    pub fn take_patiently(&mut self) -> Option<Taken> {
        let rows = self.rows.as_ref()?;
        let row = self.next;
        if row >= rows.len() {
            return None;
        }
        self.next = row + 1;
        let rows = Arc::clone(rows);
        Some(Taken { rows, row })
    }

    /// The rows that come next and are wanted, however long ago they came; none if there is none.
    pub fn take_patient_run(
        &mut self,
        wanted: impl Fn(&Rows, usize) -> bool,
    ) -> Option<(Arc<Rows>, std::ops::Range<usize>)> {
        let rows = self.rows.as_ref()?;
        let start = self.next;
        let run = (start..rows.len())
            .take_while(|row| wanted(rows, *row))
            .count();
        if run == 0 {
            return None;
        }
        self.next = start + run;
        Some((Arc::clone(rows), start..start + run))
    }

    /// Up to `max` rows that are here already, of which `wanted` is true for all, as a range.
    pub fn take_run(
        &mut self,
        max: usize,
        wanted: impl Fn(&Rows, usize) -> bool,
    ) -> Option<(Arc<Rows>, std::ops::Range<usize>)> {
        let rows = self.rows.as_ref()?;
        let start = self.next;
        if start >= rows.len() || self.stale || (start > 0 && !self.is_fresh()) {
            return None;
        }
        let most = rows.len().min(start.saturating_add(max));
        let end = (start..most)
            .find(|row| !wanted(rows, *row))
            .unwrap_or(most);
        self.next = end;
        Some((Arc::clone(rows), start..end))
    }

    fn is_fresh(&self) -> bool {
        self.attention() == 0 && coarse_now() - self.received < FRESH
    }

    fn attention(&self) -> u32 {
        if self.view.attention.is_null() {
            return 0;
        }
        // SAFETY: it lives as long as the batch's view, is aligned, and is written atomically.
        unsafe { AtomicU32::from_ptr(self.view.attention.cast_mut()) }.load(Ordering::Relaxed)
    }

    /// Rows that are here and were not handed out.
    pub fn left(&self) -> usize {
        self.rows.as_ref().map_or(0, |rows| rows.len() - self.next)
    }

    fn delivered(&self) -> u32 {
        self.kept.unwrap_or(self.next).min(self.next) as u32
    }

    /// Takes the rows of one event, which starts at the next row, and adds them to `event`; true if its last is among
    /// them. They do not count as delivered until `let_go`.
    pub fn take_event(&mut self, event: &mut Vec<Taken>) -> bool {
        let Some(rows) = self.rows.clone() else {
            return false;
        };
        self.kept = Some(self.next);
        while self.next < rows.len() {
            let row = self.next;
            self.next += 1;
            event.push(Taken {
                rows: Arc::clone(&rows),
                row,
            });
            if rows.flags[row] & ffi::KRS_ROW_MORE == 0 {
                return true;
            }
        }
        // The rest is in the next batch, which is had only by passing this one back.
        self.kept = None;
        false
    }

    /// What was handed out counts as delivered again.
    pub fn let_go(&mut self) {
        self.kept = None;
    }

    /// Something changed that the rows which are left may not know of.
    pub fn distrust(&mut self) {
        self.stale = true;
    }

    /// The row that comes next, if it is here.
    pub fn peek(&self) -> Option<(&Rows, usize)> {
        let rows = self.rows.as_ref()?;
        (self.next < rows.len() && !self.stale).then_some((rows, self.next))
    }

    pub fn keeps(&self) -> bool {
        self.kept.is_some()
    }

    /// Rows to receive at once for a program that takes one at a time.
    pub fn at_once(&self) -> usize {
        self.at_once
    }

    /// From here on the rows that were handed out do not count as delivered, until the next `receive` or `give_back`.
    /// `false`: rows are left, which have to be taken or given back first.
    pub fn hold(&mut self) -> bool {
        if self.left() > 0 {
            return false;
        }
        if self.rows.is_some() {
            let spare = self.spare.pop().unwrap_or(null_mut());
            self.held.push(std::mem::replace(&mut self.batch, spare));
            self.forget();
        }
        true
    }

    /// The rows of all held batches count as delivered.
    fn deliver_held(&mut self) -> Result<()> {
        for mut batch in std::mem::take(&mut self.held) {
            let done = pass_back(self.chan, &mut batch, ffi::KRS_ALL);
            self.spare.push(batch);
            done?;
        }
        Ok(())
    }

    /// Gives back the old batch and receives a new one. `Ok(false)`: no row in that time.
    pub fn receive(&mut self, max: usize, timeout_ms: i32) -> Result<bool> {
        self.deliver_held()?;
        self.receive_more(max, timeout_ms)
    }

    /// The same, but that held batches stay so.
    pub fn receive_more(&mut self, max: usize, timeout_ms: i32) -> Result<bool> {
        let delivered = self.delivered();
        self.forget();
        let max = u32::try_from(max).unwrap_or(u32::MAX - 1);
        // SAFETY: batch and view belong to this reader.
        let result = call(|err| unsafe {
            let (batch, view) = (&mut self.batch, &mut self.view);
            ffi::krs_chan_recv(self.chan, batch, delivered, max, timeout_ms, view, err)
        });
        self.filled(result)
    }

    /// The same, ending early when a message arrives in `wake`; then `Ok(None)`.
    pub fn receive_more_or_wake(
        &mut self,
        max: usize,
        timeout_ms: i32,
        wake: &mut Self,
    ) -> Result<Option<bool>> {
        let delivered = self.delivered();
        self.forget();
        let mut own = krs_case::new();
        own.op = ffi::KRS_CASE_RECV;
        own.chan = self.chan;
        own.batch = &mut self.batch;
        own.view = &mut self.view;
        own.delivered = delivered;
        own.max = u32::try_from(max).unwrap_or(u32::MAX - 1);
        let mut other = krs_case::new();
        other.op = ffi::KRS_CASE_RECV;
        other.chan = wake.chan;
        other.batch = &mut wake.batch;
        other.view = &mut wake.view;
        other.delivered = ffi::KRS_ALL;
        other.max = 1;
        let cases = [own, other];
        let mut chosen = cases.len();
        // SAFETY: the batches and views belong to the two readers, which are borrowed here.
        let result = call(|err| unsafe {
            ffi::krs_chan_select(cases.as_ptr(), cases.len(), timeout_ms, &mut chosen, err)
        });
        if chosen == 1 && result.is_ok() {
            return Ok(None);
        }
        self.filled(result).map(Some)
    }

    fn filled(&mut self, result: Result<()>) -> Result<bool> {
        match result {
            Ok(()) => {
                let mut rows = self.unused();
                match Arc::get_mut(&mut rows) {
                    // SAFETY: the core just filled the view.
                    Some(own) => unsafe { own.fill(&self.view) },
                    // SAFETY: as above.
                    None => rows = unsafe { Rows::copy(&self.view) },
                }
                self.rows = Some(rows);
                self.received = coarse_now();
                Ok(true)
            }
            Err(error) if error.is_no_row_yet() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Memory for rows that nobody needs any more.
    fn unused(&mut self) -> Arc<Rows> {
        let free = self
            .pool
            .iter()
            .position(|rows| Arc::strong_count(rows) == 1);
        free.map_or_else(Arc::default, |index| self.pool.swap_remove(index))
    }

    /// Tells the core what was delivered; the rest comes again.
    pub fn give_back(&mut self) -> Result<()> {
        self.deliver_held()?;
        let delivered = self.delivered();
        self.forget();
        pass_back(self.chan, &mut self.batch, delivered)
    }

    fn forget(&mut self) {
        if let Some(rows) = self.rows.take() {
            self.at_once = if self.next == rows.len() {
                (self.at_once * 4).min(MOST_AT_ONCE)
            } else {
                (self.next * 2).clamp(LEAST_AT_ONCE, MOST_AT_ONCE)
            };
            if self.pool.len() == POOL {
                self.pool.remove(0);
            }
            self.pool.push(rows);
        }
        self.next = 0;
        self.kept = None;
        self.stale = false;
        self.view = krs_batch_view::new();
    }

    pub fn fd(&self) -> Result<i32> {
        let mut fd = -1;
        // SAFETY: a place for the result.
        call(|err| unsafe { ffi::krs_chan_fd(self.chan, &mut fd, err) })?;
        Ok(fd)
    }
}

/// Gives a batch back, of which so many rows count as delivered, and receives nothing.
fn pass_back(chan: krs_chan, batch: &mut *mut krs_batch, delivered: u32) -> Result<()> {
    let mut none = krs_batch_view::new();
    // SAFETY: the batch is the caller's, and belongs to the channel.
    call(|err| unsafe { ffi::krs_chan_recv(chan, batch, delivered, 0, 0, &mut none, err) })
}

impl Drop for Reader {
    fn drop(&mut self) {
        // What was not handed out must not count as delivered. An error says that the channel is gone, and with it
        // all that could count.
        let _: std::result::Result<(), Error> = if self.batch.is_null() {
            Ok(())
        } else {
            self.give_back()
        };
        for batch in self.held.iter().chain(&self.spare).chain([&self.batch]) {
            // SAFETY: ours, and freed once.
            unsafe { ffi::krs_batch_free(*batch) }
        }
    }
}
