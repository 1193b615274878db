//! Partitions in columns of any offsets and indices: refused, or answered, row by row.
#![no_main]

use std::mem::{size_of, zeroed};
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

use cover::*;
use libfuzzer_sys::fuzz_target;

/// A consumer that has no broker; the position is answered without one.
fn consumer() -> u64 {
    static CLIENT: OnceLock<u64> = OnceLock::new();
    *CLIENT.get_or_init(|| {
        let (mut conf, mut client) = (null_mut(), 0);
        // SAFETY: as the header wants it.
        unsafe {
            krs_conf_new(2, &mut conf, null_mut());
            krs_conf_set(conf, c"group.id".as_ptr(), c"fuzz".as_ptr(), null_mut());
            assert_eq!(krs_client_open(conf, &mut client, null_mut()), 0);
            krs_conf_free(conf);
        }
        client
    })
}

fuzz_target!(|data: &[u8]| {
    let mut random = Random(data);
    let (count, topics) = (
        usize::from(random.byte() % 5),
        usize::from(random.byte() % 4),
    );
    let text = [b'a'; 64];
    // Within the data, as the contract says, but in any order.
    let mut offsets: Vec<i64> = (0..=topics)
        .map(|_| i64::from(random.byte() as i8 / 2))
        .collect();
    if random.byte() % 2 == 0 {
        offsets.sort_unstable();
    }
    let topic: Vec<u32> = (0..count).map(|_| u32::from(random.byte() % 8)).collect();
    let partition: Vec<i32> = (0..count).map(|_| random.number() as i32).collect();
    let offset: Vec<i64> = (0..count).map(|_| random.number()).collect();
    let epoch: Vec<i32> = (0..count).map(|_| random.number() as i32).collect();
    let validity = [random.byte(), random.byte()];
    // SAFETY: as the header wants it; zero is a value of the struct.
    unsafe {
        let mut list: Partitions = zeroed();
        list.struct_size = size_of::<Partitions>() as u32;
        list.count = count;
        list.topics = Column {
            offsets: offsets.as_ptr(),
            data: text.as_ptr(),
            validity: null(),
        };
        if random.byte() % 2 == 0 {
            list.topics.validity = validity.as_ptr();
        }
        list.topic_count = topics;
        list.topic = topic.as_ptr();
        list.partition = partition.as_ptr();
        list.offset = offset.as_ptr();
        list.leader_epoch = epoch.as_ptr();
        krs_consumer_position(consumer(), &list, null_mut(), null_mut(), null_mut());
    }
});
