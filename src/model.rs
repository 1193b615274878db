//! The model checker tries thousands of orders of the steps that threads make in
//! channels, select (`src/chan/model.rs`) and the handle table. In it a wait never
//! ends by time, so a wake-up that is lost is a deadlock, and the checker says so.
//!
//! `cargo test --release --lib --features model-checking model`

use std::sync::Arc;

use shuttle::thread;

use crate::error::code;
use crate::handle::Table;

/// Orders by chance, and orders in which a few threads are held up for long.
pub fn check(model: fn()) {
    const TIMES: usize = 10_000;
    shuttle::check_random(model, TIMES);
    shuttle::check_pct(model, TIMES, 3);
}

#[test]
fn model_a_handle_finds_its_own_object_or_none() {
    check(|| {
        let table = Arc::new(Table::new(7, "thing"));
        let old = table.insert(Arc::new(1)).unwrap();
        let looks: Vec<_> = (0..2)
            .map(|n| {
                let table = Arc::clone(&table);
                thread::spawn(move || match n {
                    0 => table.get(old).map(|object| *object),
                    _ => table.read(old).map(|object| *object),
                })
            })
            .collect();
        let removes: Vec<_> = (0..2)
            .map(|_| {
                let table = Arc::clone(&table);
                thread::spawn(move || table.remove(old).is_ok())
            })
            .collect();
        let new = table.insert(Arc::new(2)).unwrap();
        for look in looks {
            match look.join().unwrap() {
                Ok(object) => assert_eq!(object, 1),
                Err(error) => assert_eq!(error.code, code::CLOSED),
            }
        }
        let removed: Vec<_> = removes.into_iter().map(|r| r.join().unwrap()).collect();
        assert_eq!(removed.iter().filter(|removed| **removed).count(), 1);
        assert_eq!(*table.get(new).unwrap(), 2);
        assert_eq!(table.get(old).unwrap_err().code, code::CLOSED);
    });
}
