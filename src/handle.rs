//! Handles: numbers that stand for objects, safe to use at any time.
//!
//! An id holds a kind, a generation, a fork's epoch and an index. A slot's generation moves on
//! when its object is removed, so an old id is told from a live one for ever:
//! it gives [`code::CLOSED`](crate::error::code::CLOSED), and an id that was never issued, or one of another
//! kind, gives [`code::HANDLE`](crate::error::code::HANDLE).

use std::sync::Arc;

use once_cell::sync::OnceCell;

use crate::error::{Error, Result, code};
use crate::fork;
use crate::sync::{MappedRwLockReadGuard, Mutex, RwLock, RwLockReadGuard};

const FIRST_PAGE: u32 = 64;
const PAGES: usize = 18;
const MAX_GENERATION: u32 = (1 << 24) - 1;
const INDEX_BITS: u32 = 24;
const EPOCHS: usize = 256;

/// All objects of one kind. What was there before a fork is not touched after it:
/// the child has a table of its own, in the place of its epoch.
pub struct Table<T> {
    kind: u8,
    name: &'static str,
    epochs: [OnceCell<Box<Slots<T>>>; EPOCHS],
}

/// Pages are never moved or freed, so a look-up takes only the lock of its own slot.
struct Slots<T> {
    pages: [OnceCell<Box<[Slot<T>]>>; PAGES],
    spare: Mutex<Spare>,
}

struct Slot<T>(RwLock<Content<T>>);

struct Content<T> {
    generation: u32,
    object: Option<Arc<T>>,
}

struct Spare {
    free: Vec<u32>,
    next: u32,
}

impl<T> Table<T> {
    pub const fn new(kind: u8, name: &'static str) -> Self {
        Self {
            kind,
            name,
            epochs: [const { OnceCell::new() }; EPOCHS],
        }
    }

    fn slots(&self) -> &Slots<T> {
        self.epochs[fork::epoch() as usize % EPOCHS].get_or_init(|| {
            Box::new(Slots {
                pages: [const { OnceCell::new() }; PAGES],
                spare: Mutex::new(Spare {
                    free: Vec::new(),
                    next: 0,
                }),
            })
        })
    }

    pub fn insert(&self, object: Arc<T>) -> Result<u64> {
        let index = self.take_index()?;
        let slot = self.slot_or_new(index);
        let mut content = slot.0.write();
        content.object = Some(object);
        Ok(self.id(content.generation, index))
    }

    pub fn get(&self, id: u64) -> Result<Arc<T>> {
        let (generation, slot) = self.locate(id)?;
        let content = slot.0.read();
        match &content.object {
            Some(object) if content.generation == generation => Ok(Arc::clone(object)),
            _ => Err(self.missing(id, generation, content.generation)),
        }
    }

    /// Like [`get`](Self::get), at half the price. It keeps the object from being
    /// removed: only for what neither waits nor removes.
    pub fn read(&self, id: u64) -> Result<MappedRwLockReadGuard<'_, T>> {
        let (generation, slot) = self.locate(id)?;
        let content = slot.0.read();
        let current = content.generation;
        if current != generation {
            return Err(self.missing(id, generation, current));
        }
        RwLockReadGuard::try_map(content, |content| content.object.as_deref())
            .map_err(|_| self.missing(id, generation, current))
    }

    /// Takes the object out; every copy of its id is closed from now on.
    pub fn remove(&self, id: u64) -> Result<Arc<T>> {
        let (generation, slot) = self.locate(id)?;
        let mut content = slot.0.write();
        if content.generation != generation || content.object.is_none() {
            return Err(self.missing(id, generation, content.generation));
        }
        let object = content.object.take();
        content.generation += 1;
        // A slot whose generations are used up is retired, so no id comes twice.
        if content.generation < MAX_GENERATION {
            self.slots().spare.lock().free.push(index_of(id));
        }
        object.ok_or_else(|| Error::fixed(code::CLOSED, "closed"))
    }

    fn id(&self, generation: u32, index: u32) -> u64 {
        let epoch = u64::from(fork::epoch()) % EPOCHS as u64;
        u64::from(self.kind) << 56
            | u64::from(generation) << 32
            | epoch << INDEX_BITS
            | u64::from(index)
    }

    fn locate(&self, id: u64) -> Result<(u32, &Slot<T>)> {
        let generation = (id >> 32) as u32 & MAX_GENERATION;
        let ours = id >> 56 == u64::from(self.kind);
        let epoch = (id >> INDEX_BITS) as usize % EPOCHS;
        if ours && generation > 0 && epoch != fork::epoch() as usize % EPOCHS {
            return Err(FORKED);
        }
        let slot = ours.then(|| self.slot(index_of(id))).flatten();
        slot.map(|slot| (generation, slot))
            .ok_or_else(|| self.unknown(id))
    }

    fn missing(&self, id: u64, asked: u32, current: u32) -> Error {
        if asked >= 1 && asked < current {
            Error::new(
                code::CLOSED,
                format!("{} {id:#x} has been closed", self.name),
            )
        } else {
            self.unknown(id)
        }
    }

    fn unknown(&self, id: u64) -> Error {
        Error::new(
            code::HANDLE,
            format!("{id:#x} is not a handle of a {}", self.name),
        )
    }

    fn take_index(&self) -> Result<u32> {
        let mut spare = self.slots().spare.lock();
        if let Some(index) = spare.free.pop() {
            return Ok(index);
        }
        let index = spare.next;
        if place(index).0 >= PAGES {
            return Err(Error::fixed(code::SYSTEM, "too many handles are open"));
        }
        spare.next += 1;
        Ok(index)
    }

    fn slot(&self, index: u32) -> Option<&Slot<T>> {
        let (page, offset) = place(index);
        self.slots().pages.get(page)?.get()?.get(offset)
    }

    fn slot_or_new(&self, index: u32) -> &Slot<T> {
        let (page, offset) = place(index);
        &self.slots().pages[page].get_or_init(|| {
            let empty = || {
                Slot(RwLock::new(Content {
                    generation: 1,
                    object: None,
                }))
            };
            std::iter::repeat_with(empty)
                .take((FIRST_PAGE as usize) << page)
                .collect()
        })[offset]
    }
}

fn index_of(id: u64) -> u32 {
    id as u32 & ((1 << INDEX_BITS) - 1)
}

const FORKED: Error = Error::fixed(
    code::FORKED,
    "this was opened before fork(), in the parent process: open another one in the child",
);

/// Page `p` holds `FIRST_PAGE << p` slots.
fn place(index: u32) -> (usize, usize) {
    let shifted = u64::from(index) + u64::from(FIRST_PAGE);
    let page = shifted.ilog2() - FIRST_PAGE.ilog2();
    let offset = shifted - (u64::from(FIRST_PAGE) << page);
    (page as usize, offset as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_finds_its_object_until_it_is_removed() {
        let table = Table::new(7, "thing");
        let ids: Vec<u64> = (0..1000)
            .map(|n| table.insert(Arc::new(n)).unwrap())
            .collect();
        for (n, id) in ids.iter().enumerate() {
            assert_eq!(*table.get(*id).unwrap(), n);
        }
        table.remove(ids[70]).unwrap();
        assert_eq!(table.get(ids[70]).unwrap_err().code, code::CLOSED);
        assert_eq!(table.remove(ids[70]).unwrap_err().code, code::CLOSED);
    }

    #[test]
    fn a_borrowed_object_is_the_one_of_its_id() {
        let table = Table::new(7, "thing");
        let old = table.insert(Arc::new(1)).unwrap();
        assert_eq!(*table.read(old).unwrap(), 1);
        table.remove(old).unwrap();
        assert_eq!(table.read(old).unwrap_err().code, code::CLOSED);
        let new = table.insert(Arc::new(2)).unwrap();
        assert_eq!(table.read(old).unwrap_err().code, code::CLOSED);
        assert_eq!(*table.read(new).unwrap(), 2);
        assert_eq!(table.read(new + 1).unwrap_err().code, code::HANDLE);
    }

    #[test]
    fn a_reused_slot_does_not_answer_to_its_old_id() {
        let table = Table::new(7, "thing");
        let old = table.insert(Arc::new(1)).unwrap();
        table.remove(old).unwrap();
        let new = table.insert(Arc::new(2)).unwrap();
        assert_eq!(index_of(old), index_of(new), "the slot is used again");
        assert_eq!(table.get(old).unwrap_err().code, code::CLOSED);
        assert_eq!(*table.get(new).unwrap(), 2);
    }

    #[test]
    fn ids_never_issued_are_not_handles() {
        let table = Table::new(7, "thing");
        let id = table.insert(Arc::new(1)).unwrap();
        for wrong in [0, 1, id + 1, id ^ (1 << 56), id + (1 << 32), u64::MAX] {
            assert_eq!(
                table.get(wrong).unwrap_err().code,
                code::HANDLE,
                "{wrong:#x}"
            );
        }
    }

    #[test]
    fn a_slot_retires_before_its_generations_repeat() {
        let table = Table::new(7, "thing");
        let first = table.insert(Arc::new(0)).unwrap();
        let (_, slot) = table.locate(first).unwrap();
        slot.0.write().generation = MAX_GENERATION - 1;
        let id = table.id(MAX_GENERATION - 1, index_of(first));
        table.remove(id).unwrap();
        assert_ne!(index_of(table.insert(Arc::new(1)).unwrap()), index_of(id));
    }
}
