//! Sending and receiving, on one channel or on whichever of several is ready.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::queue::{Joined, Queue};
use super::waiter::{Notify, Waiter, Wake};
use super::{Chan, Message};
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::producer::Report;
use crate::sync::any_below;

/// How long a wait for librdkafka goes on without a look, at most: an arrival
/// wakes at once, and this bounds what a missed one would cost.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub struct Case<'a> {
    pub chan: Arc<Chan>,
    pub op: Op<'a>,
}

pub enum Op<'a> {
    Recv { max: usize, out: &'a mut Batch },
    Send(Message<'a>),
}

/// When a wait ends.
#[derive(Clone, Copy)]
pub enum Until {
    Now,
    At(Instant),
    Never,
}

pub fn recv(chan: Arc<Chan>, max: usize, out: &mut Batch, timeout_ms: i32) -> Result<()> {
    let op = Op::Recv { max, out };
    select(&mut [Case { chan, op }], Until::from_timeout(timeout_ms)).1
}

pub fn send(chan: Arc<Chan>, message: &Message<'_>, until: Until) -> Result<()> {
    let op = Op::Send(message.clone());
    select(&mut [Case { chan, op }], until).1
}

/// Does the operation of one case that is ready, chosen fairly, and returns its
/// index and result.
pub fn select(cases: &mut [Case<'_>], until: Until) -> (usize, Result<()>) {
    if cases.is_empty() && matches!(until, Until::Never) {
        return (0, Err(Error::argument("select: no case can ever be ready")));
    }
    if let Some(done) = try_all(cases) {
        return done;
    }
    if matches!(until, Until::Now) {
        return (0, Err(Error::would_block()));
    }
    let done = wait(cases, until);
    for case in cases.iter() {
        case.leave_line();
    }
    done
}

fn wait(cases: &mut [Case<'_>], until: Until) -> (usize, Result<()>) {
    loop {
        if let Some(done) = wait_once(cases, until) {
            return done;
        }
        if let Some(done) = try_all(cases) {
            return done;
        }
        if until.is_over() {
            return (0, Err(Error::timed_out()));
        }
    }
}

/// Tries each case once, from a random one on.
fn try_all(cases: &mut [Case<'_>]) -> Option<(usize, Result<()>)> {
    let count = cases.len();
    let first = if count > 1 { any_below(count) } else { 0 };
    (0..count)
        .map(|step| (first + step) % count)
        .find_map(|index| cases[index].try_now().map(|result| (index, result)))
}

/// Waits in line at every channel until one is done, something changed, or the
/// time is up.
fn wait_once(cases: &mut [Case<'_>], until: Until) -> Option<(usize, Result<()>)> {
    let waiter = Arc::new(Waiter::default());
    let watcher: Arc<dyn Wake> = Arc::clone(&waiter) as Arc<dyn Wake>;
    // Pulled channels come first: nobody can settle a case through them, so
    // trying one while in line nowhere cannot make two cases happen.
    for case in cases.iter().filter(|case| case.is_pulled()) {
        case.each_notify(|notify| notify.add(Arc::clone(&watcher)));
        case.join_line();
    }
    let mut done = None;
    for (index, case) in cases.iter_mut().enumerate() {
        if done.is_none() && case.is_pulled() {
            done = case.try_now().map(|result| (index, result));
        }
    }
    for (index, case) in cases.iter_mut().enumerate() {
        if done.is_none() {
            done = case.join(&waiter, index).map(|result| (index, result));
        }
    }
    if done.is_none() {
        // Only now that it is in line: a source that is added later wakes who is in
        // line, and what arrived before somebody watched wakes them on delivery.
        for queue in cases.iter().filter_map(Case::received_queue) {
            queue.each_source(|source| source.arrivals().add(Arc::clone(&watcher)));
            queue.deliver();
        }
        waiter.sleep(until.next_look(cases));
    }
    let settled = waiter.finish();
    for case in cases.iter() {
        case.leave(&waiter);
        case.each_notify(|notify| notify.remove(&watcher));
    }
    match (done, settled) {
        (None, Some(index)) => Some((index, cases[index].settled())),
        (done, _) => done,
    }
}

impl Case<'_> {
    fn queue(&self) -> Option<&Queue> {
        match &*self.chan {
            Chan::Queue(queue) => Some(queue),
            Chan::Rows(_) | Chan::Produce(_) => None,
        }
    }

    fn received_queue(&self) -> Option<&Queue> {
        self.queue().filter(|_| matches!(self.op, Op::Recv { .. }))
    }

    fn is_pulled(&self) -> bool {
        matches!(*self.chan, Chan::Rows(_) | Chan::Produce(_))
    }

    fn try_now(&mut self) -> Option<Result<()>> {
        match (&*self.chan, &mut self.op) {
            (Chan::Queue(queue), Op::Recv { max, out }) => queue.try_recv(*max, out),
            (Chan::Queue(queue), Op::Send(message)) => {
                queue.try_send(&|batch| message.push_to(batch))
            }
            (Chan::Rows(consumer), Op::Recv { max, out }) => consumer.try_recv(*max, out),
            (Chan::Produce(producer), Op::Send(message)) => producer.try_send(message),
            (Chan::Rows(_), Op::Send(_)) => Some(Err(Error::argument(
                "a consumer's events channel can only be received from",
            ))),
            (Chan::Produce(_), Op::Recv { .. }) => Some(Err(Error::argument(
                "a produce channel can only be sent to",
            ))),
        }
    }

    fn join(&mut self, waiter: &Arc<Waiter>, case: usize) -> Option<Result<()>> {
        let joined = match (&*self.chan, &mut self.op) {
            (Chan::Queue(queue), Op::Recv { max, out }) => {
                queue.recv_or_join(*max, out, waiter, case)
            }
            (Chan::Queue(queue), Op::Send(message)) => {
                queue.send_or_join(&|batch| message.push_to(batch), waiter, case)
            }
            _ => return None,
        };
        match joined {
            Joined::Done(result) => Some(result),
            Joined::Waiting => None,
        }
    }

    fn leave(&self, waiter: &Arc<Waiter>) {
        match (self.queue(), &self.op) {
            (Some(queue), Op::Recv { .. }) => queue.leave_receivers(waiter),
            (Some(queue), Op::Send(_)) => queue.leave_senders(waiter),
            _ => {}
        }
    }

    /// Where many send, each has its turn, so a place in line lasts for the whole wait.
    fn join_line(&self) {
        if let Chan::Produce(producer) = &*self.chan {
            producer.join_line();
        }
    }

    fn leave_line(&self) {
        if let Chan::Produce(producer) = &*self.chan {
            producer.leave_line();
        }
    }

    /// A peer settled this case.
    fn settled(&mut self) -> Result<()> {
        match (&*self.chan, &mut self.op) {
            (Chan::Queue(queue), Op::Recv { max, out }) => queue.recv_promised(*max, out),
            _ => Ok(()),
        }
    }

    /// What may make a pulled case ready.
    fn each_notify(&self, mut each: impl FnMut(&Notify)) {
        match (&*self.chan, &self.op) {
            (Chan::Queue(queue), Op::Recv { .. }) => {
                queue.each_source(|source| each(source.arrivals()));
            }
            (Chan::Rows(consumer), _) => each(consumer.arrivals()),
            (Chan::Produce(producer), Op::Send(message)) => {
                each(super::Source::arrivals(&**producer));
                each(producer.room());
                if let Report::To(queue) = &message.report {
                    each(queue.room());
                }
            }
            _ => {}
        }
    }
}

impl Until {
    /// 0 = only what is ready now, −1 = for ever.
    pub fn from_timeout(timeout_ms: i32) -> Self {
        match u64::try_from(timeout_ms) {
            Ok(0) => Self::Now,
            Ok(timeout) => Self::At(Instant::now() + Duration::from_millis(timeout)),
            Err(_) => Self::Never,
        }
    }

    fn is_over(self) -> bool {
        match self {
            Self::Now => true,
            Self::At(end) => Instant::now() >= end,
            Self::Never => false,
        }
    }

    /// The end, or the next time that a pulled channel wants a look.
    fn next_look(self, cases: &[Case<'_>]) -> Option<Instant> {
        let looks = cases.iter().filter_map(|case| {
            let mut watched = case.is_pulled();
            case.each_notify(|_| watched = true);
            match &*case.chan {
                Chan::Rows(consumer) => Some(LOOK_EVERY.min(consumer.visit_every())),
                _ => watched.then_some(LOOK_EVERY),
            }
        });
        let look = looks.min().map(|every| Instant::now() + every);
        match (self, look) {
            (Self::At(end), Some(look)) => Some(end.min(look)),
            (Self::At(end), None) => Some(end),
            (_, look) => look,
        }
    }
}
