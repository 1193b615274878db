//! Which partitions are ours, and where in them we are.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::partitions::Ownership;
use super::{CLOSED, Consumer, Native, Rebalance, State, push_error, push_rebalance};
use crate::batch::{Kind, Row};
use crate::chan::Rows;
use crate::error::{Error, Result, code};
use crate::partition::{TopicPartition, offset};
use crate::rd::{self, Assign, Event, List};

/// Longest wait for librdkafka's own thread to take note of a seek.
const SEEK_MS: i32 = 1000;
/// How often to try again while fetching has not begun.
const SEEK_RETRY: Duration = Duration::from_millis(2);
/// How long to try, where the caller sets no limit.
const SEEK_PATIENCE: Duration = Duration::from_secs(5);

impl Consumer {
    pub fn subscribe(&self, topics: &[&str]) -> Result<()> {
        let mut list = List::new();
        for topic in topics {
            if topic.is_empty() {
                return Err(Error::argument("topics: a name is empty"));
            }
            list.add(&TopicPartition::new(topic, -1))?;
        }
        if list.is_empty() {
            return Err(Error::argument(
                "topics: expected at least one (krs_consumer_unsubscribe leaves all)",
            ));
        }
        self.native()?.client.subscribe(&list)
    }

    pub fn unsubscribe(&self) -> Result<()> {
        self.native()?.client.unsubscribe()
    }

    pub fn subscription(&self) -> Result<Vec<TopicPartition>> {
        Ok(self.native()?.client.subscription()?.to_vec())
    }

    pub fn rebalance_protocol(&self) -> Result<&'static str> {
        Ok(self.native()?.client.rebalance_protocol())
    }

    pub fn assignment_lost(&self) -> Result<bool> {
        let native = self.native()?;
        let lost = self.state.lock().rebalance.as_ref().map(|r| r.lost);
        Ok(lost.unwrap_or_else(|| native.client.assignment_lost()))
    }

    pub fn member_id(&self) -> Result<String> {
        Ok(self.native()?.client.member_id())
    }

    pub fn group_metadata(&self) -> Result<Vec<u8>> {
        self.native()?.client.group_metadata()
    }

    // ---- rebalances ------------------------------------------------------

    pub fn set_application_rebalance(&self, enabled: bool) -> Result<()> {
        let native = self.native()?;
        let mut state = self.state.lock();
        state.application_rebalance = enabled;
        if !enabled && let Some(rebalance) = state.rebalance.take() {
            self.answer(&native, &mut state, &rebalance);
        }
        Ok(())
    }

    pub(super) fn rebalance(&self, native: &Native, state: &mut State, event: &Event) {
        if let Some(before) = state.rebalance.take() {
            // librdkafka waits for an answer before it asks again; should it not,
            // the older question is settled first.
            self.answer(native, state, &before);
        }
        state.rebalances += 1;
        let rebalance = Rebalance {
            number: state.rebalances,
            assigned: event.code() == code::ASSIGN_PARTITIONS,
            lost: native.client.assignment_lost(),
            partitions: event.partitions(),
        };
        for partition in state.partitions.owned() {
            // librdkafka pauses all for a moment, also what stays.
            partition.may_repeat = true;
        }
        if !rebalance.assigned {
            if !rebalance.lost {
                self.store_position(native, state);
            }
            for leaving in &rebalance.partitions {
                state.partitions.leave(&leaving.topic, leaving.partition);
            }
        }
        // Whoever has rows may have some that are stale by now.
        self.attention.call();
        if state.application_rebalance {
            push_rebalance(&mut state.events, &rebalance);
            if !rebalance.assigned {
                let partitions = rebalance.partitions.clone();
                state.revoked.push((rebalance.number, partitions));
            }
            state.rebalance = Some(rebalance);
        } else {
            self.answer(native, state, &rebalance);
        }
    }

    /// The application received rebalance `number` and came back, perhaps without an
    /// answer.
    pub(super) fn answer_left(&self, native: &Native, state: &mut State, number: u64) {
        state.revoked.retain(|(revoke, _)| *revoke != number);
        if state.rebalance.as_ref().is_some_and(|r| r.number == number)
            && let Some(rebalance) = state.rebalance.take()
        {
            self.answer(native, state, &rebalance);
        }
    }

    /// Does what the group asks for.
    pub(super) fn answer(&self, native: &Native, state: &mut State, rebalance: &Rebalance) {
        let how = native.answer_to(rebalance.assigned);
        // What the application did of it already is not done again.
        let partitions = &mut state.partitions;
        let left = |p: &&TopicPartition| {
            partitions.is_owned(&p.topic, p.partition) != (how == Assign::Add)
        };
        let list: Vec<_> = match how {
            Assign::Add | Assign::Remove => {
                let left = rebalance.partitions.iter().filter(|p| left(p));
                left.cloned().collect()
            }
            Assign::Replace | Assign::Clear => rebalance.partitions.clone(),
        };
        if let Err(error) = self.change(native, state, how, &list, rebalance.lost) {
            push_error(&mut state.events, error.code, 0, &error.message);
        }
    }

    /// Changes the assignment, and answers a rebalance that waits for it.
    pub fn assign(&self, how: Assign, list: &[TopicPartition]) -> Result<()> {
        let native = self.native()?;
        let mut state = self.state.lock();
        let lost = state.rebalance.as_ref().is_some_and(|r| r.lost);
        let asked = state.rebalance.as_ref().is_some_and(|r| r.assigned);
        let meant = state.rebalance.as_ref().is_some_and(|r| r.is_about(list));
        let how = match how {
            Assign::Replace if list.is_empty() && !asked => Assign::Clear,
            how => how,
        };
        check_assign(&state, how, list)?;
        self.change(&native, &mut state, how, list, lost)?;
        let answers = match how {
            // What is added beside leaves the question open.
            Assign::Add => asked && meant,
            // librdkafka takes any removal for the answer to a revoke.
            Assign::Remove => !asked,
            Assign::Replace | Assign::Clear => true,
        };
        if answers && state.rebalance.take().is_some() {
            // What the group takes and the application did not let go goes all the same.
            let rest = state.partitions.leaving();
            if !rest.is_empty() {
                self.change(&native, &mut state, Assign::Remove, &rest, lost)?;
            }
        }
        drop(state);
        self.recall();
        Ok(())
    }

    /// The one place that changes the assignment, in librdkafka and here.
    fn change(
        &self,
        native: &Native,
        state: &mut State,
        how: Assign,
        list: &[TopicPartition],
        lost: bool,
    ) -> Result<()> {
        let goes = |topic: &str, number: i32| match how {
            Assign::Replace | Assign::Clear => true,
            Assign::Add => false,
            Assign::Remove => list.iter().any(|p| p.is(topic, number)),
        };
        let owned = state.partitions.owned();
        let going: Vec<_> = owned
            .filter(|p| goes(&p.topic, p.partition))
            .map(|p| TopicPartition::new(&p.topic, p.partition))
            .collect();
        if how == Assign::Replace && !going.is_empty() {
            // In two steps, for the second may fail when the first is done.
            self.change(native, state, Assign::Clear, &[], lost)?;
            return self.change(native, state, how, list, lost);
        }
        if !going.is_empty() && !lost {
            // Before the partitions go, for what is stored goes into their commit.
            self.store_position(native, state);
        }
        resume_going(native, state, &going);
        native.client.assign(how, list, &native.rows)?;
        for gone in &going {
            let index = state.partitions.unassign(&gone.topic, gone.partition);
            state.held.forget(index);
            state.seeks.retain(|seek| !seek.is_same(gone));
        }
        if matches!(how, Assign::Replace | Assign::Add) {
            for new in list {
                let partitions = &mut state.partitions;
                partitions.assign(&new.topic, new.partition, new.offset);
            }
        }
        Ok(())
    }

    /// What is assigned, with the application's position.
    pub fn assignment(&self) -> Result<Vec<TopicPartition>> {
        let _open = self.native()?;
        let mut state = self.state.lock();
        state.settle_leases(super::Lease::is_one_by_one);
        let owned = state.partitions.owned().map(|partition| TopicPartition {
            offset: partition.position().unwrap_or(offset::NONE),
            ..TopicPartition::new(&partition.topic, partition.partition)
        });
        Ok(owned.collect())
    }

    // ---- flow ------------------------------------------------------------

    /// Pauses or resumes; each partition's code tells.
    pub fn pause(&self, list: &[TopicPartition], paused: bool) -> Result<Vec<TopicPartition>> {
        let native = self.native()?;
        let mut state = self.state.lock();
        let State {
            partitions, held, ..
        } = &mut *state;
        // librdkafka would pause what is not ours, too, and remember it. A pause may
        // outdate the begin of a fetch, which would then never begin: so it waits for
        // the first rows.
        let there = |p: &&TopicPartition| {
            let ours = partitions.ours(&p.topic, p.partition);
            ours.is_some_and(|(_, ours)| if paused { ours.begun } else { ours.stopped })
        };
        let there: Vec<_> = list.iter().filter(there).cloned().collect();
        if !there.is_empty() {
            native.client.pause(&List::of(&there)?, paused)?;
        }
        let mut answer = list.to_vec();
        for entry in &mut answer {
            let Some((index, partition)) = partitions.ours(&entry.topic, entry.partition) else {
                entry.code = code::STATE;
                continue;
            };
            entry.code = code::OK;
            partition.paused = paused;
            partition.stopped = paused && partition.begun;
            partition.may_repeat = true;
            if paused {
                held.withhold(index);
            } else {
                held.release(index);
            }
        }
        drop(state);
        self.recall();
        Ok(answer)
    }

    /// Goes on elsewhere; each partition's code tells. Rows from before are stale
    /// when this returns.
    pub fn seek(&self, list: &[TopicPartition], timeout_ms: i32) -> Result<Vec<TopicPartition>> {
        let patience = u64::try_from(timeout_ms).map_or(SEEK_PATIENCE, Duration::from_millis);
        let end = Instant::now() + patience;
        let mut answer = list.to_vec();
        {
            let native = self.native()?;
            let mut state = self.state.lock();
            self.store_position(&native, &mut state);
            for entry in &mut answer {
                entry.code = check_seek(&state, entry);
                if entry.code == code::OK {
                    state.begin_anew(entry);
                }
            }
            self.seek_again(&native, &mut state);
        }
        self.recall();
        // librdkafka refuses to seek in a partition that it has not begun to fetch.
        while self.state.lock().seeks_any(&answer) && Instant::now() < end {
            if self.closing.load(Ordering::SeqCst) {
                return Err(CLOSED);
            }
            std::thread::sleep(SEEK_RETRY);
            let native = self.native()?;
            self.seek_again(&native, &mut self.state.lock());
        }
        Ok(answer)
    }

    /// Tries the seeks that are still to be done. A partition would stay silent
    /// for ever after a refused one, so each is tried until it is taken.
    pub(super) fn seek_again(&self, native: &Native, state: &mut State) {
        if state.seeks.is_empty() {
            return;
        }
        let Ok(list) = List::of(&state.seeks) else {
            state.seeks.clear();
            return;
        };
        if native.client.seek(&list, SEEK_MS).is_err() {
            return;
        }
        let (waiting, done) = list.to_vec().into_iter().partition(is_too_early);
        state.seeks = waiting;
        for seek in done {
            if let Some((_, partition)) = state.partitions.ours(&seek.topic, seek.partition) {
                partition.seeking = false;
            }
            if seek.code != code::OK {
                push_refused_seek(&mut state.events, &seek);
            }
        }
    }
}

impl Rebalance {
    /// Whether a list may be an answer: it names one of the partitions, or there are none.
    fn is_about(&self, list: &[TopicPartition]) -> bool {
        list.is_empty() || self.partitions.is_empty() || list.iter().any(|p| self.names(p))
    }

    fn names(&self, partition: &TopicPartition) -> bool {
        self.partitions.iter().any(|p| p.is_same(partition))
    }
}

impl State {
    /// Whether one of these seeks is still to be done.
    fn seeks_any(&self, list: &[TopicPartition]) -> bool {
        let asked = |seek: &TopicPartition| {
            let same = |p: &TopicPartition| p.is_same(seek) && p.offset == seek.offset;
            list.iter().any(same)
        };
        self.seeks.iter().any(asked)
    }

    fn takes_away(&self, partition: &TopicPartition) -> bool {
        let given = self.rebalance.as_ref().filter(|r| r.assigned);
        let mut revoked = self.revoked.iter().flat_map(|(_, list)| list);
        revoked.any(|p| p.is_same(partition)) && !given.is_some_and(|r| r.names(partition))
    }

    /// From here on only rows after a seek to `entry` count.
    fn begin_anew(&mut self, entry: &TopicPartition) {
        let start = Some(entry.offset).filter(|offset| *offset >= 0);
        if let Some((index, partition)) = self.partitions.ours(&entry.topic, entry.partition) {
            partition.restart(start);
            partition.seeking = true;
            self.held.forget(index);
        }
        self.seeks.retain(|seek| !seek.is_same(entry));
        self.seeks.push(TopicPartition {
            code: code::OK,
            ..entry.clone()
        });
    }
}

/// Whether the seek came while librdkafka stops the partition, or before it begins to fetch; or
/// at the same time as the begin, or as a rebalance's pause, which outdate a seek on its way.
fn is_too_early(seek: &TopicPartition) -> bool {
    let early = [code::STATE, code::PREV_IN_PROGRESS, code::OUTDATED];
    early.contains(&seek.code)
}

/// Says which partition it is that stays where it was.
fn push_refused_seek(events: &mut Rows, refused: &TopicPartition) {
    let reason = rd::describe(refused.code);
    let text = format!("seek to {}: {reason}", refused.offset);
    events.append(1, |batch| {
        batch.push(&Row {
            value: Some(text.as_bytes()),
            ..refused.row(Kind::Error)
        });
    });
}

/// librdkafka remembers a pause beyond the assignment, and would never fetch the
/// partition when it comes back.
fn resume_going(native: &Native, state: &State, going: &[TopicPartition]) {
    let is_stopped = |p: &&TopicPartition| {
        let partition = state.partitions.lookup(&p.topic, p.partition);
        partition.is_some_and(|partition| partition.stopped)
    };
    let stopped: Vec<_> = going.iter().filter(is_stopped).cloned().collect();
    if let Ok(list) = List::of(&stopped)
        && !list.is_empty()
    {
        // Each is assigned, which is all that can be wrong with it.
        let _ = native.client.pause(&list, false);
    }
}

/// What librdkafka would refuse half way is refused before.
fn check_assign(state: &State, how: Assign, list: &[TopicPartition]) -> Result<()> {
    for (index, entry) in list.iter().enumerate() {
        let place = format!("{} [{}]", entry.topic, entry.partition);
        if list[..index].iter().any(|p| p.is_same(entry)) {
            return Err(Error::argument(format!(
                "partitions: {place} is there twice"
            )));
        }
        let special = [offset::END, offset::STORED, offset::NONE, offset::BEGINNING];
        if entry.offset < 0 && entry.offset > offset::TAIL && !special.contains(&entry.offset) {
            let text = format!("{place}: {} is no offset", entry.offset);
            return Err(Error::new(code::INVALID_ARG, text));
        }
        let owned = state.partitions.is_owned(&entry.topic, entry.partition);
        match how {
            // Its rows would come out after the revoke, of which a thread of the
            // application may not know yet, even if another has answered it.
            Assign::Add | Assign::Replace if state.takes_away(entry) => {
                let text = format!("the group is taking {place} away");
                return Err(Error::new(code::STATE, text));
            }
            Assign::Add if owned => {
                let text = format!("{place} is assigned already");
                return Err(Error::new(code::CONFLICT, text));
            }
            Assign::Remove if !owned => {
                let text = format!("{place} is not assigned");
                return Err(Error::new(code::STATE, text));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether librdkafka would take it: a seek that it refuses kills the partition.
fn check_seek(state: &State, entry: &TopicPartition) -> i32 {
    let is_place = entry.offset >= offset::BEGINNING || entry.offset <= offset::TAIL;
    let partition = state.partitions.lookup(&entry.topic, entry.partition);
    match partition.map(|partition| partition.ownership) {
        _ if !is_place => code::INVALID_ARG,
        Some(Ownership::Ours) => code::OK,
        Some(Ownership::Leaving | Ownership::None) | None => code::STATE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Batch;

    #[test]
    fn a_seek_that_a_rebalance_outdates_is_tried_again_and_a_wrong_one_is_not() {
        let answered = |code| TopicPartition {
            code,
            ..TopicPartition::new("t", 0)
        };
        assert!(is_too_early(&answered(code::OUTDATED)));
        assert!(!is_too_early(&answered(code::OK)));
        assert!(!is_too_early(&answered(code::UNKNOWN_PARTITION)));
    }

    #[test]
    fn a_seek_that_is_refused_later_tells_its_partition() {
        let mut events = Rows::default();
        let refused = TopicPartition {
            offset: 42,
            code: code::UNKNOWN_PARTITION,
            ..TopicPartition::new("t", 7)
        };
        push_refused_seek(&mut events, &refused);
        let mut out = Batch::default();
        events.take(10, &mut out);
        assert_eq!(
            (out.kind[0], out.code[0]),
            (Kind::Error as u8, refused.code)
        );
        assert_eq!((out.partition[0], out.offset[0]), (7, 42));
        assert_eq!(out.topics.index("t"), out.topic[0]);
    }
}
