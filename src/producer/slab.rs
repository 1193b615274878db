//! The messages that were accepted and have no result yet.

use std::sync::Arc;

use crate::chan::{Message, Queue};

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

/// Slots with generations: a token is good for one message only.
#[derive(Default)]
pub struct Slab {
    slots: Vec<Slot>,
    free: Vec<u32>,
    pending: usize,
}

struct Slot {
    generation: u32,
    accepted: Option<Accepted>,
}

impl Slab {
    /// Messages whose report has not reached its channel.
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// So many reports have reached their channels, or will never come.
    pub fn settle(&mut self, count: usize) {
        self.pending -= count;
    }

    /// Remembers a message, which is pending until [`settle`](Self::settle).
    pub fn insert(&mut self, accepted: Accepted) -> u64 {
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
    pub fn remove(&mut self, token: u64) -> Option<Accepted> {
        let slot = self.slots.get_mut(token as u32 as usize)?;
        if slot.generation != (token >> 32) as u32 {
            return None;
        }
        let accepted = slot.accepted.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(token as u32);
        Some(accepted)
    }

    pub fn drain(&mut self) -> impl Iterator<Item = Accepted> {
        self.free.clear();
        std::mem::take(&mut self.slots)
            .into_iter()
            .filter_map(|slot| slot.accepted)
    }
}

fn token(generation: u32, index: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(opaque: u64) -> Accepted {
        Accepted {
            opaque,
            report: Report::None,
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
