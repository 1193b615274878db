//! Channels and select in the model checker.

use std::sync::{Arc, Weak};

use shuttle::sync::Mutex;
use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::thread::{self, JoinHandle};

use super::waiter::Waiter;
use super::{Case, Chan, Message, Notify, Op, Queue, Source, Until, recv, select};
use crate::batch::{Batch, Kind, Row};
use crate::error::{Result, code};
use crate::headers::Headers;
use crate::model::check;
use crate::producer::Report;

/// For ever, so that only a wake-up ends a wait.
const FOR_EVER: i32 = -1;
const ALL: usize = usize::MAX;

fn message(number: u64) -> Message<'static> {
    Message {
        topic: None,
        partition: 0,
        key: None,
        value: None,
        headers: Headers::default(),
        timestamp: 0,
        opaque: number,
        report: Report::None,
    }
}

fn send(queue: &Arc<Queue>, number: u64) -> Result<()> {
    let chan = Arc::new(Chan::Queue(Arc::clone(queue)));
    super::send(chan, &message(number), Until::Never)
}

/// What a receive brings; `None` once the channel is closed and empty.
fn receive(queue: &Arc<Queue>, max: usize) -> Option<Batch> {
    let chan = Arc::new(Chan::Queue(Arc::clone(queue)));
    let mut batch = Batch::default();
    match recv(chan, max, &mut batch, FOR_EVER) {
        Ok(()) => Some(batch),
        Err(error) => {
            assert_eq!(error.code, code::CLOSED);
            None
        }
    }
}

/// Receives until the end, and notes what it got.
fn receiver(queue: &Arc<Queue>, got: &Arc<Mutex<Vec<u64>>>) -> JoinHandle<()> {
    let (queue, got) = (Arc::clone(queue), Arc::clone(got));
    thread::spawn(move || {
        while let Some(mut batch) = receive(&queue, 2) {
            got.lock().unwrap().extend(&batch.opaque);
            let all = batch.len();
            batch.give_back(all);
        }
    })
}

fn sender(queue: &Arc<Queue>, numbers: std::ops::Range<u64>) -> JoinHandle<()> {
    let queue = Arc::clone(queue);
    thread::spawn(move || {
        for number in numbers {
            send(&queue, number).unwrap();
        }
    })
}

fn many_send_and_receive(capacity: usize) {
    let queue = Queue::new(capacity);
    let got = Arc::default();
    let receivers = [receiver(&queue, &got), receiver(&queue, &got)];
    let senders = [sender(&queue, 0..2), sender(&queue, 2..4)];
    for sender in senders {
        sender.join().unwrap();
    }
    queue.close();
    for receiver in receivers {
        receiver.join().unwrap();
    }
    let mut got = got.lock().unwrap().clone();
    got.sort_unstable();
    assert_eq!(got, [0, 1, 2, 3], "each arrives once");
}

#[test]
fn model_each_message_arrives_once_without_capacity() {
    check(|| many_send_and_receive(0));
}

#[test]
fn model_each_message_arrives_once_with_capacity() {
    check(|| many_send_and_receive(1));
}

#[test]
fn model_closing_wakes_all_who_wait() {
    check(|| {
        let full = Queue::new(1);
        send(&full, 0).unwrap();
        let empty = Queue::new(0);
        let sends = {
            let full = Arc::clone(&full);
            thread::spawn(move || send(&full, 1).is_err())
        };
        let receives = {
            let empty = Arc::clone(&empty);
            thread::spawn(move || receive(&empty, ALL).is_none())
        };
        full.close();
        empty.close();
        assert!(sends.join().unwrap() && receives.join().unwrap());
        assert_eq!(receive(&full, ALL).unwrap().opaque, [0], "what was sent");
    });
}

#[test]
fn model_what_is_not_delivered_comes_again() {
    check(|| {
        let queue = Queue::new(3);
        for number in 0..3 {
            send(&queue, number).unwrap();
        }
        let got = Arc::default();
        let mut batch = receive(&queue, 2).unwrap();
        let other = receiver(&queue, &got);
        batch.give_back(1);
        // Closing does not end the receiver while something can still be had.
        queue.close();
        other.join().unwrap();
        let mut got = got.lock().unwrap().clone();
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
    });
}

fn send_case(queue: &Arc<Queue>, number: u64) -> Case<'static> {
    Case {
        chan: Arc::new(Chan::Queue(Arc::clone(queue))),
        op: Op::Send(message(number)),
    }
}

/// Sends `number` to one queue or receives from the other, whichever is first.
fn exchange(number: u64, to: &Arc<Queue>, from: &Arc<Queue>) -> JoinHandle<(bool, Vec<u64>)> {
    let (to, from) = (Arc::clone(to), Arc::clone(from));
    thread::spawn(move || {
        let mut batch = Batch::default();
        let mut cases = [
            send_case(&to, number),
            Case {
                chan: Arc::new(Chan::Queue(from)),
                op: Op::Recv {
                    max: ALL,
                    out: &mut batch,
                },
            },
        ];
        let (case, result) = select(&mut cases, Until::Never);
        result.unwrap();
        (case == 0, batch.opaque.clone())
    })
}

#[test]
fn model_a_select_does_one_of_its_cases_and_its_peer_the_other_half() {
    check(|| {
        let (x, y) = (Queue::new(0), Queue::new(0));
        let first = exchange(1, &x, &y);
        let second = exchange(2, &y, &x);
        let first = first.join().unwrap();
        let second = second.join().unwrap();
        match (first.0, second.0) {
            (true, false) => assert_eq!((first.1, second.1), (vec![], vec![1])),
            (false, true) => assert_eq!((first.1, second.1), (vec![2], vec![])),
            both => panic!("sent: {both:?}"),
        }
    });
}

#[test]
fn model_selects_around_a_ring_all_end() {
    check(|| {
        let queues = [Queue::new(0), Queue::new(0)];
        let selects: Vec<_> = (0..4)
            .map(|n: u64| exchange(n, &queues[n as usize % 2], &queues[(n as usize + 1) % 2]))
            .collect();
        let done: Vec<_> = selects
            .into_iter()
            .map(|select| select.join().unwrap())
            .collect();
        let sent = done.iter().filter(|(sent, _)| *sent).count();
        let received: usize = done.iter().map(|(_, got)| got.len()).sum();
        assert_eq!((sent, received), (2, 2));
    });
}

#[test]
fn model_who_turned_a_peer_away_while_it_looked_elsewhere_tries_again() {
    check(|| {
        let (x, y) = (Queue::new(0), Queue::new(0));
        let (waiter, stale) = (Arc::new(Waiter::default()), Arc::new(Waiter::default()));
        let mut out = Batch::default();
        let push = |batch: &mut Batch| batch.push(&Row::new(Kind::Message));
        // In line at x; and who is in line at y was settled elsewhere.
        let _ = x.send_or_join(&push, &waiter, 0);
        let _ = y.send_or_join(&push, &stale, 0);
        assert!(stale.claim(1));
        let receiver = {
            let x = Arc::clone(&x);
            thread::spawn(move || receive(&x, ALL).unwrap().len())
        };
        let _ = y.recv_or_join(ALL, &mut out, &waiter, 1);
        waiter.sleep(None);
        if waiter.finish().is_none() {
            x.leave_senders(&waiter);
            send(&x, 1).unwrap();
        }
        assert_eq!(receiver.join().unwrap(), 1);
    });
}

/// A producer whose reports arrive on another thread.
struct Reports {
    arrived: AtomicUsize,
    arrivals: Notify,
    to: Weak<Queue>,
}

impl Source for Reports {
    fn deliver(&self) {
        let count = self.arrived.swap(0, Ordering::SeqCst);
        if let (1.., Some(queue)) = (count, self.to.upgrade()) {
            let push = |batch: &mut Batch| {
                for _ in 0..count {
                    batch.push(&Row::new(Kind::Report));
                }
            };
            assert!(queue.push_reserved(count, push));
        }
    }

    fn arrivals(&self) -> &Notify {
        &self.arrivals
    }
}

#[test]
fn model_a_report_that_arrives_wakes_a_receiver() {
    check(|| {
        let queue = Queue::new(2);
        let reports = Arc::new(Reports {
            arrived: AtomicUsize::new(0),
            arrivals: Notify::default(),
            to: Arc::downgrade(&queue),
        });
        let receiver = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                let mut got = 0;
                while got < 2 {
                    got += receive(&queue, 1).unwrap().len();
                }
            })
        };
        let source: Arc<dyn Source> = Arc::clone(&reports) as Arc<dyn Source>;
        assert_eq!(queue.reserve(&Arc::downgrade(&source), 3).unwrap(), 2);
        for _ in 0..2 {
            reports.arrived.fetch_add(1, Ordering::SeqCst);
            reports.arrivals.wake();
        }
        receiver.join().unwrap();
    });
}
