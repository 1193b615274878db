//! The messages that were accepted and have no result yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::chan::{Message, Queue};
use crate::rd::UNTOLD;

/// Where the report of a message goes.
#[derive(Clone, Default)]
pub enum Report {
    /// To the client's own channel, unless `go.delivery.reports` is false.
    #[default]
    Client,
    None,
    To(Arc<Queue>),
}

impl PartialEq for Report {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Client, Self::Client) | (Self::None, Self::None) => true,
            (Self::To(one), Self::To(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

/// What the core remembers of a message while librdkafka has it.
pub struct Accepted {
    pub opaque: u64,
    pub report: Report,
}

impl Accepted {
    pub fn of(message: &Message<'_>) -> Self {
        Self {
            opaque: message.opaque,
            report: message.report.clone(),
        }
    }
}

/// The messages that were accepted and have no result yet.
#[derive(Default)]
pub struct Outstanding {
    told: Mutex<Slab>,
    /// How many nobody wants to be told of.
    untold: AtomicUsize,
}

impl Outstanding {
    /// Messages without a result, or whose report has not reached its channel.
    pub fn pending(&self) -> usize {
        self.told.lock().pending + self.untold.load(Ordering::Relaxed)
    }

    /// Remembers a message, which is pending until it is taken and settled.
    pub fn insert(&self, accepted: Accepted) -> u64 {
        match accepted.report {
            Report::None => self.insert_untold(),
            _ => self.told.lock().insert(accepted),
        }
    }

    fn insert_untold(&self) -> u64 {
        self.untold.fetch_add(1, Ordering::Relaxed);
        UNTOLD
    }

    /// The same for many that are alike.
    pub fn insert_all<T: FromIterator<u64>>(&self, all: impl Iterator<Item = Accepted>) -> T {
        let mut slab = self.told.lock();
        let insert = |accepted: Accepted| match accepted.report {
            Report::None => self.insert_untold(),
            _ => slab.insert(accepted),
        };
        all.map(insert).collect()
    }

    /// Forgets a message that was not sent; tells where its report would have gone.
    pub fn forget(&self, token: u64) -> Option<Accepted> {
        if token == UNTOLD {
            self.settle_untold(1);
            return None;
        }
        let mut slab = self.told.lock();
        slab.pending -= 1;
        slab.remove(token)
    }

    /// Takes out what has a result, which is pending until [`settle`](Self::settle).
    pub fn take<T, C>(&self, sent: impl Iterator<Item = (u64, T)>) -> C
    where
        C: FromIterator<(T, Accepted)>,
    {
        let mut slab = self.told.lock();
        sent.filter_map(|(token, sent)| Some((sent, slab.remove(token)?)))
            .collect()
    }

    /// So many reports have reached their channels.
    pub fn settle(&self, count: usize) {
        self.told.lock().pending -= count;
    }

    /// So many of which nobody wants to be told have a result.
    pub fn settle_untold(&self, count: usize) {
        self.untold.fetch_sub(count, Ordering::Relaxed);
    }

    /// Gives up what has no result; tells of what somebody wants to know, and how many others there were.
    pub fn drain(&self) -> (Vec<Accepted>, usize) {
        let told = self.told.lock().drain().collect();
        (told, self.untold.swap(0, Ordering::Relaxed))
    }
}

/// Slots with generations: a token is good for one message only.
#[derive(Default)]
struct Slab {
    slots: Vec<Slot>,
    free: Vec<u32>,
    pending: usize,
}

struct Slot {
    generation: u32,
    accepted: Option<Accepted>,
}

impl Slab {
    fn insert(&mut self, accepted: Accepted) -> u64 {
        self.pending += 1;
        if let Some(index) = self.free.pop() {
            let slot = &mut self.slots[index as usize];
            slot.accepted = Some(accepted);
            return token(slot.generation, index);
        }
        let index = self.slots.len() as u32;
        self.slots.push(Slot {
            generation: 0,
            accepted: Some(accepted),
        });
        token(0, index)
    }

    /// Takes a message out; `None` if its token was used already.
    fn remove(&mut self, token: u64) -> Option<Accepted> {
        let slot = self.slots.get_mut(token as u32 as usize)?;
        if slot.generation != (token >> 32) as u32 {
            return None;
        }
        let accepted = slot.accepted.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(token as u32);
        Some(accepted)
    }

    fn drain(&mut self) -> impl Iterator<Item = Accepted> {
        self.free.clear();
        std::mem::take(&mut self.slots)
            .into_iter()
            .filter_map(|slot| slot.accepted)
    }
}

/// Never [`UNTOLD`]: so many messages do not fit into memory.
fn token(generation: u32, index: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(opaque: u64) -> Accepted {
        Accepted {
            opaque,
            report: Report::Client,
        }
    }

    #[test]
    fn a_token_is_good_for_one_message() {
        let mut slab = Slab::default();
        let first = slab.insert(accepted(1));
        assert_eq!(slab.remove(first).unwrap().opaque, 1);
        let second = slab.insert(accepted(2));
        assert_ne!(first, second);
        assert!(slab.remove(first).is_none());
        assert_eq!(slab.drain().map(|a| a.opaque).collect::<Vec<_>>(), [2]);
    }
}
