//! Who waits for the reports of messages that have none yet.

use std::time::Instant;

use pyo3::prelude::*;

/// Who is told of a report.
pub enum Waiting {
    Callback(Py<PyAny>),
    /// Of asyncio or of concurrent.futures; done by the producer's `_settle`.
    Future(Py<PyAny>),
}

/// A message whose report the program waits for.
pub struct Call {
    pub waiting: Waiting,
    pub sent: Instant,
}

enum Slot {
    Used(Call),
    /// The next free one.
    Free(usize),
}

/// Numbered places, used again; the number travels with the message as its `opaque`.
pub struct Calls {
    slots: Vec<Slot>,
    free: usize,
    count: usize,
}

const END: usize = usize::MAX;

impl Calls {
    pub fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: END,
            count: 0,
        }
    }

    /// Never 0, which stands for "nobody waits".
    pub fn add(&mut self, call: Call) -> u64 {
        self.count += 1;
        if self.free == END {
            self.slots.push(Slot::Used(call));
            return self.slots.len() as u64;
        }
        let index = self.free;
        if let Slot::Free(next) = std::mem::replace(&mut self.slots[index], Slot::Used(call)) {
            self.free = next;
        }
        index as u64 + 1
    }

    pub fn take(&mut self, token: u64) -> Option<Call> {
        let index = usize::try_from(token).ok()?.checked_sub(1)?;
        let slot = self.slots.get_mut(index)?;
        match std::mem::replace(slot, Slot::Free(self.free)) {
            Slot::Used(call) => {
                self.free = index;
                self.count -= 1;
                Some(call)
            }
            free @ Slot::Free(_) => {
                *slot = free;
                None
            }
        }
    }

    pub fn len(&self) -> usize {
        self.count
    }
}
