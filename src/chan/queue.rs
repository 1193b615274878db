//! A bounded, closeable queue of rows: what a channel that one can both send to
//! and receive from is made of.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use once_cell::sync::OnceCell;

use super::ready::ReadyFd;
use super::rows::Rows;
use super::waiter::{Notify, Waiter, Wake};
use crate::batch::{Batch, Origin};
use crate::error::{Error, Result};
use crate::sync::{Mutex, MutexGuard, RwLock};

/// A producer whose reports may go to a queue. Who looks into the queue has it
/// deliver what arrived.
pub trait Source: Send + Sync {
    fn deliver(&self);
    /// Told when something arrived for any queue.
    fn arrivals(&self) -> &Notify;
}

pub struct Queue {
    capacity: usize,
    /// Made with a client, and closed with it.
    clients: bool,
    inner: Mutex<Inner>,
    /// Told when rows were taken.
    room: Notify,
    sources: RwLock<Vec<Weak<dyn Source>>>,
    ready: OnceCell<Arc<ReadyFd>>,
    this: Weak<Self>,
}

#[derive(Default)]
struct Inner {
    rows: Rows,
    closed: bool,
    /// Room kept for reports that are still to come.
    reserved: usize,
    /// Rows of a queue without capacity that belong to a claimed receiver.
    promised: usize,
    /// Batches that are out with receivers.
    lent: usize,
    dropped: u64,
    receivers: VecDeque<(Arc<Waiter>, usize)>,
    senders: VecDeque<Offer>,
}

/// A sender that waits, with its row.
struct Offer {
    waiter: Arc<Waiter>,
    case: usize,
    row: Batch,
}

const CLOSED: Error = Error::closed("the channel has been closed");

/// What came of trying under the lock.
pub enum Joined {
    Done(Result<()>),
    /// In line, or settled by a peer meanwhile.
    Waiting,
}

impl Queue {
    pub fn new(capacity: usize) -> Arc<Self> {
        Self::make(capacity, false)
    }

    pub fn of_client(capacity: usize) -> Arc<Self> {
        Self::make(capacity, true)
    }

    fn make(capacity: usize, clients: bool) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            capacity,
            clients,
            inner: Mutex::default(),
            room: Notify::default(),
            sources: RwLock::default(),
            ready: OnceCell::new(),
            this: Weak::clone(this),
        })
    }

    pub fn capacity(&self) -> usize {
        self.capacity
    }

    pub fn len(&self) -> usize {
        self.inner.lock().rows.len()
    }

    pub fn is_closed(&self) -> bool {
        self.inner.lock().closed
    }

    pub fn is_clients(&self) -> bool {
        self.clients
    }

    pub fn has_fd(&self) -> bool {
        self.ready.get().is_some()
    }

    pub fn room(&self) -> &Notify {
        &self.room
    }

    /// No more sends; receivers get what is left.
    pub fn close(&self) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        let senders = inner.senders.drain(..).map(|offer| offer.waiter);
        let senders: Vec<_> = senders.collect();
        for waiter in senders {
            waiter.wake();
        }
        for (waiter, _) in &inner.receivers {
            waiter.wake();
        }
        drop(inner);
        self.room.wake();
        self.raise();
    }

    /// Forgets all rows, too, but for those that a receiver has for certain.
    pub fn discard(&self) {
        self.close();
        let mut inner = self.inner.lock();
        if inner.promised == 0 {
            inner.rows = Rows::default();
        }
    }

    pub fn is_lending(&self) -> bool {
        self.inner.lock().lent > 0
    }

    // ---- receiving -------------------------------------------------------

    /// Takes up to `max` rows; `None` if there are none yet.
    pub fn try_recv(&self, max: usize, out: &mut Batch) -> Option<Result<()>> {
        self.deliver();
        let mut inner = self.inner.lock();
        let result = self.take(&mut inner, max, out);
        self.after_take(inner, &result);
        result
    }

    /// Takes rows, or waits in line as `case` of `waiter`.
    pub fn recv_or_join(
        &self,
        max: usize,
        out: &mut Batch,
        waiter: &Arc<Waiter>,
        case: usize,
    ) -> Joined {
        self.deliver();
        let mut inner = self.inner.lock();
        if inner.has_something() {
            if !waiter.claim(case) {
                return Joined::Waiting;
            }
            let result = self.take(&mut inner, max, out);
            if let Some(done) = result {
                self.after_take(inner, &Some(done.clone()));
                return Joined::Done(done);
            }
            waiter.unclaim();
        }
        inner.receivers.push_back((Arc::clone(waiter), case));
        Joined::Waiting
    }

    /// Takes the row that a sender left for a claimed receiver.
    pub fn recv_promised(&self, max: usize, out: &mut Batch) -> Result<()> {
        let mut inner = self.inner.lock();
        inner.promised = inner.promised.saturating_sub(1);
        let free = inner.rows.len().saturating_sub(inner.promised);
        if free == 0 {
            return Err(CLOSED);
        }
        self.take_rows(&mut inner, max.min(free), out);
        Ok(())
    }

    pub fn leave_receivers(&self, waiter: &Arc<Waiter>) {
        let mut inner = self.inner.lock();
        inner
            .receivers
            .retain(|(other, _)| !Arc::ptr_eq(other, waiter));
    }

    fn take(&self, inner: &mut Inner, max: usize, out: &mut Batch) -> Option<Result<()>> {
        let free = inner.rows.len().saturating_sub(inner.promised);
        if free > 0 {
            self.take_rows(inner, max.min(free), out);
            self.admit_senders(inner);
            return Some(Ok(()));
        }
        while let Some(offer) = inner.senders.pop_front() {
            if offer.waiter.claim(offer.case) {
                out.push_from(&offer.row, 0);
                self.lend(inner, out);
                return Some(Ok(()));
            }
        }
        inner.closed.then_some(Err(CLOSED))
    }

    fn take_rows(&self, inner: &mut Inner, max: usize, out: &mut Batch) {
        inner.rows.take(max, out);
        self.lend(inner, out);
    }

    fn lend(&self, inner: &mut Inner, out: &mut Batch) {
        out.set_origin(self.this.upgrade().map(|this| this as Arc<dyn Origin>));
        inner.lent += 1;
    }

    fn admit_senders(&self, inner: &mut Inner) {
        while inner.rows.len() + inner.reserved < self.capacity {
            let Some(offer) = inner.senders.pop_front() else {
                return;
            };
            if offer.waiter.claim(offer.case) {
                inner.rows.append(1, |batch| batch.push_from(&offer.row, 0));
            }
        }
    }

    fn after_take(&self, inner: MutexGuard<'_, Inner>, result: &Option<Result<()>>) {
        drop(inner);
        if matches!(result, Some(Ok(()))) {
            self.room.wake();
        }
        self.settle();
    }

    // ---- sending ---------------------------------------------------------

    /// Sends one row; `None` if there is no room, or no receiver if the
    /// capacity is 0.
    pub fn try_send(&self, push: &dyn Fn(&mut Batch)) -> Option<Result<()>> {
        let mut inner = self.inner.lock();
        let result = self.give(&mut inner, push);
        drop(inner);
        if matches!(result, Some(Ok(()))) {
            self.raise();
        }
        result
    }

    /// Sends one row, or waits in line with it as `case` of `waiter`.
    pub fn send_or_join(
        &self,
        push: &dyn Fn(&mut Batch),
        waiter: &Arc<Waiter>,
        case: usize,
    ) -> Joined {
        let mut inner = self.inner.lock();
        if self.has_room(&inner) {
            if !waiter.claim(case) {
                return Joined::Waiting;
            }
            if let Some(done) = self.give(&mut inner, push) {
                drop(inner);
                self.raise();
                return Joined::Done(done);
            }
            waiter.unclaim();
        }
        let mut row = Batch::default();
        push(&mut row);
        inner.senders.push_back(Offer {
            waiter: Arc::clone(waiter),
            case,
            row,
        });
        drop(inner);
        self.raise();
        Joined::Waiting
    }

    pub fn leave_senders(&self, waiter: &Arc<Waiter>) {
        let mut inner = self.inner.lock();
        inner
            .senders
            .retain(|offer| !Arc::ptr_eq(&offer.waiter, waiter));
    }

    fn has_room(&self, inner: &Inner) -> bool {
        if inner.closed {
            return true;
        }
        if self.capacity == 0 {
            return !inner.receivers.is_empty();
        }
        inner.senders.is_empty() && inner.rows.len() + inner.reserved < self.capacity
    }

    fn give(&self, inner: &mut Inner, push: &dyn Fn(&mut Batch)) -> Option<Result<()>> {
        if inner.closed {
            return Some(Err(CLOSED));
        }
        if !self.has_room(inner) {
            return None;
        }
        if self.capacity == 0 {
            return self.hand_over(inner, push);
        }
        inner.rows.append(1, push);
        inner.wake_receivers();
        Some(Ok(()))
    }

    /// Without capacity, a send is done when a receiver has it for certain.
    fn hand_over(&self, inner: &mut Inner, push: &dyn Fn(&mut Batch)) -> Option<Result<()>> {
        while let Some((receiver, case)) = inner.receivers.pop_front() {
            if receiver.claim(case) {
                inner.rows.append(1, push);
                inner.promised += 1;
                return Some(Ok(()));
            }
        }
        None
    }

    /// Adds a row if there is room, and counts it as dropped if there is none.
    pub fn push_or_drop(&self, push: impl FnOnce(&mut Batch, u64)) {
        let mut inner = self.inner.lock();
        if inner.closed || inner.rows.len() >= self.capacity {
            inner.dropped += 1;
            return;
        }
        let dropped = std::mem::take(&mut inner.dropped);
        inner.rows.append(1, |batch| push(batch, dropped));
        inner.wake_receivers();
        drop(inner);
        self.raise();
    }

    // ---- reports ---------------------------------------------------------

    /// Keeps room for up to `wanted` reports of `source`; says for how many.
    pub fn reserve(&self, source: &Weak<dyn Source>, wanted: usize) -> Result<usize> {
        let mut inner = self.inner.lock();
        if inner.closed {
            return Err(Error::closed("the report channel has been closed"));
        }
        let taken = inner.rows.len() + inner.reserved;
        let granted = wanted.min(self.capacity.saturating_sub(taken));
        inner.reserved += granted;
        drop(inner);
        self.add_source(source);
        Ok(granted)
    }

    /// Gives back the room of a message that was not accepted.
    pub fn release(&self) {
        let mut inner = self.inner.lock();
        inner.reserved = inner.reserved.saturating_sub(1);
        self.admit_senders(&mut inner);
        drop(inner);
        self.room.wake();
    }

    /// Adds `count` reports that `push` pushes, even beyond the capacity.
    pub fn push_reports(&self, count: usize, push: impl FnOnce(&mut Batch)) {
        self.add_reports(self.inner.lock(), count, push);
    }

    /// Adds `count` reports for which room is reserved, and uses that up. `false`
    /// if the queue was closed meanwhile, and the reports must go elsewhere.
    pub fn push_reserved(&self, count: usize, push: impl FnOnce(&mut Batch)) -> bool {
        let mut inner = self.inner.lock();
        inner.reserved = inner.reserved.saturating_sub(count);
        let open = !inner.closed;
        if open {
            self.add_reports(inner, count, push);
        }
        open
    }

    fn add_reports(
        &self,
        mut inner: MutexGuard<'_, Inner>,
        count: usize,
        push: impl FnOnce(&mut Batch),
    ) {
        inner.rows.append(count, push);
        inner.wake_receivers();
        drop(inner);
        self.raise();
    }

    /// From now on, who looks into this queue has `source` deliver.
    pub fn add_source(&self, source: &Weak<dyn Source>) {
        if self.sources.read().iter().any(|s| Weak::ptr_eq(s, source)) {
            return;
        }
        let mut sources = self.sources.write();
        sources.retain(|source| source.strong_count() > 0);
        sources.push(Weak::clone(source));
        if let (Some(ready), Some(source)) = (self.ready.get(), source.upgrade()) {
            source.arrivals().add(Arc::clone(ready) as Arc<dyn Wake>);
        }
        drop(sources);
        // Who waits already must listen to the new source, too.
        self.inner.lock().wake_receivers();
    }

    pub fn deliver(&self) {
        self.each_source(|source| source.deliver());
    }

    pub fn each_source(&self, mut each: impl FnMut(&dyn Source)) {
        // Not under the lock: to deliver takes the lock of any queue.
        let sources: smallvec::SmallVec<[_; 4]> = self.sources.read().iter().cloned().collect();
        for source in sources.iter().filter_map(Weak::upgrade) {
            each(&*source);
        }
    }

    // ---- readiness -------------------------------------------------------

    pub fn ready_fd(&self) -> Result<&ReadyFd> {
        // The lock keeps a source from being added unnoticed meanwhile.
        let sources = self.sources.write();
        let ready = self.ready.get_or_try_init(|| {
            let ready = Arc::new(ReadyFd::new(None)?);
            for source in sources.iter().filter_map(Weak::upgrade) {
                source.arrivals().add(Arc::clone(&ready) as Arc<dyn Wake>);
            }
            Ok::<_, Error>(ready)
        })?;
        drop(sources);
        self.settle();
        Ok(ready)
    }

    fn raise(&self) {
        if let Some(ready) = self.ready.get() {
            ready.raise();
        }
    }

    /// Brings the descriptor in line with the queue: cleared first, so that
    /// what arrives in between is not missed.
    pub fn settle(&self) {
        if let Some(ready) = self.ready.get() {
            ready.clear();
            self.deliver();
            if self.inner.lock().has_something() {
                ready.raise();
            }
        }
    }
}

impl Origin for Queue {
    fn give_back(&self, batch: &mut Batch, delivered: usize) {
        let mut inner = self.inner.lock();
        inner.lent = inner.lent.saturating_sub(1);
        if delivered < batch.len() {
            inner.rows.put_back(std::mem::take(batch), delivered);
            inner.wake_receivers();
            drop(inner);
            self.raise();
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        if let Some(ready) = self.ready.get() {
            let ready: Arc<dyn Wake> = Arc::clone(ready) as Arc<dyn Wake>;
            self.each_source(|source| source.arrivals().remove(&ready));
        }
    }
}

impl Inner {
    fn has_something(&self) -> bool {
        self.rows.len() > self.promised || !self.senders.is_empty() || self.closed
    }

    fn wake_receivers(&self) {
        for (waiter, _) in &self.receivers {
            waiter.wake();
        }
    }
}
