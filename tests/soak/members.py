"""Rows of Go and Python programs that are killed, and of their groups that change; `programs.py` has those of C."""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from bed import (
    PARTITIONS,
    PATIENCE,
    Broken,
    Cluster,
    Load,
    Row,
    await_that,
    fresh,
    languages,
    program,
    row_of,
)
from proxy import Network

RATE = 300
MOST_MEMBERS = 4
#: What a line takes from one program to this one, on a busy machine.
SKEW = 1.0
PROTOCOLS = {
    "eager": "partition.assignment.strategy=range",
    "cooperative": "partition.assignment.strategy=cooperative-sticky",
    "KIP-848": "group.protocol=consumer",
}
#: A static member, for which the group does not wait after a kill; and slow enough to be killed somewhere.
VICTIM = ("group.instance.id=reader", "pause.ms=1")


class Program:
    """A member program in one of its roles."""

    def __init__(self, language: str, role: str, servers: str, *words: object) -> None:
        self.language, self.role = language, role
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 # Closed by `kill`.
        self.process = subprocess.Popen(
            [*program(language, "member"), role, servers, *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, "PYTHONSAFEPATH": "1"},
        )

    def lines(self) -> Iterator[list[str]]:
        """The words of each line, but of one that was cut."""
        assert self.process.stdout
        return (line.split() for line in self.process.stdout if line.endswith("\n"))

    @contextmanager
    def within_patience(self) -> Iterator[None]:
        """Killed if it takes longer, which ends its lines; and ended."""
        guard = threading.Timer(PATIENCE, self.process.kill)
        guard.start()
        try:
            yield
        finally:
            guard.cancel()
            self.end()

    def await_end(self) -> None:
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired as expired:
            raise Broken(f"{self.language}: {self.role} did not end") from expired
        if code:
            self._errors.seek(0)
            said = self._errors.read().strip()[-300:]
            raise Broken(f"{self.language}: {self.role} ended with {code}: {said}")

    def kill(self) -> None:
        """It is an error if it ended before."""
        if self.process.poll() is not None:
            self.await_end()
        self.end()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._errors.close()


def fill(language: str, cluster: Cluster, topic: str, count: int) -> None:
    filling = Program(language, "fill", cluster.servers, topic, PARTITIONS, count)
    try:
        filling.await_end()
    finally:
        filling.end()


def in_each(make: Callable[[str], Row], at_once: bool = True) -> Iterator[Row]:
    """A row of each language whose programs are not those of `programs.py`."""

    def attempt(language: str) -> Row:
        try:
            return make(language)
        except (Broken, OSError) as broken:
            return Row("broken off", language, broken=[str(broken)])

    others = [language for language in languages() if language != "C"]
    with ThreadPoolExecutor(max(1, len(others)) if at_once else 1) as pool:
        yield from pool.map(attempt, others)


# ---- what a group was given --------------------------------------------------------------------


@dataclass
class Log:
    """What the members of one group tell."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    #: Of each partition, the offset that no member has told yet; and how many were told again, or left out.
    due: list[int] = field(default_factory=lambda: [0] * PARTITIONS)
    again: int = 0
    skipped: int = 0
    #: Messages of partitions that the member had given up or was not given.
    stale: int = 0
    owners: list[dict[Member, float]] = field(default_factory=lambda: [{} for _ in range(PARTITIONS)])
    #: The longest that two members had the same partition.
    overlap: float = 0.0

    def gave(self, member: Member, partition: int) -> None:
        with self.lock:
            self.owners[partition][member] = time.monotonic()

    def took(self, member: Member, partition: int) -> None:
        now = time.monotonic()
        with self.lock:
            owners = self.owners[partition]
            since = owners.pop(member, now)
            for other in owners.values():
                self.overlap = max(self.overlap, now - max(since, other))

    def saw(self, member: Member, partition: int, offset: int) -> None:
        with self.lock:
            self.stale += member not in self.owners[partition]
            self.again += offset < self.due[partition]
            self.skipped += max(0, offset - self.due[partition])
            self.due[partition] = max(self.due[partition], offset + 1)

    def count(self) -> int:
        with self.lock:
            return sum(self.due) - self.skipped

    def is_shared(self) -> bool:
        """Whether each partition has one owner."""
        with self.lock:
            return all(len(owners) == 1 for owners in self.owners)

    def judge(self, row: Row) -> None:
        row.promise(self.stale == 0, f"{self.stale} stale rows")
        row.promise(self.skipped == 0, f"{self.skipped} skipped")


class Member:
    """A program in the role `read`."""

    def __init__(self, language: str, servers: str, topic: str, group: str, log: Log, *more: str) -> None:
        self.log = log
        self.told = 0
        self._owned: set[int] = set()
        self._program = Program(language, "read", servers, topic, group, *more)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for what, *rest in self._program.lines():
            if what in "+-":
                self._change(what, map(int, rest))
            else:
                self.log.saw(self, int(what), int(rest[0]))
                self.told += 1
        self._change("-", tuple(self._owned))

    def _change(self, what: str, partitions: Iterable[int]) -> None:
        for partition in partitions:
            if what == "+":
                self._owned.add(partition)
                self.log.gave(self, partition)
            else:
                self._owned.discard(partition)
                self.log.took(self, partition)

    def owns(self) -> bool:
        return bool(self._owned)

    def kill(self) -> None:
        self._program.kill()
        self._reader.join(PATIENCE)

    def leave(self) -> None:
        assert self._program.process.stdin
        self._program.process.stdin.close()
        self._program.await_end()
        self._reader.join(PATIENCE)
        self._program.end()

    def end(self) -> None:
        self._program.end()


# ---- groups that change ------------------------------------------------------------------------


def rebalances(cluster: Cluster, times: int) -> Iterator[Row]:
    """Members join, leave and are killed, in each protocol."""
    for protocol, setting in PROTOCOLS.items():
        yield from in_each(partial(rebalanced, cluster, protocol, setting, times))


def rebalanced(cluster: Cluster, protocol: str, setting: str, times: int, language: str) -> Row:
    topic, group, log, chance = fresh("members"), fresh("group"), Log(), random.Random(times)
    load = Load(language, cluster.servers, topic, RATE)
    members: list[Member] = []
    gone: list[Member] = []
    slowest, killed = 0.0, 0
    unasked: list[str] = []

    def join() -> None:
        members.append(Member(language, cluster.servers, topic, group, log, setting))

    def lose(how: Callable[[Member], None]) -> None:
        gone.append(members.pop(chance.randrange(len(members))))
        how(gone[-1])

    def change() -> str:
        if len(members) == 1 or (len(members) < MOST_MEMBERS and chance.random() < 0.5):
            join()
            return "join"
        if chance.random() < 0.8:
            lose(Member.leave)
            return "leave"
        lose(Member.kill)  # For which the group waits until the session ends.
        return "kill"

    try:
        load.steady()
        join()
        for number in range(times):
            before, what = log.again, change()
            slowest = max(slowest, await_all_flow(log, members))
            if what == "kill":
                killed += 1
            elif log.again > before:
                unasked.append(f"{log.again - before} at {what} {number} of {len(members)} members")
        load.finish()
        await_that(lambda: log.count() >= load.counts["acked"], f"{language} members receive all")
    finally:
        load.end()
        for member in members + gone:
            member.end()
    row = row_of(f"members join, leave and are killed: {protocol}", load, times)
    row.figures["received"] = log.count()
    row.note = (
        f"{killed} kills, {log.again} rows again, flows after {slowest:.1f} s, overlap {log.overlap:.2f} s"
    )
    log.judge(row)
    row.promise(not unasked, f"rows again where nobody was killed: {', '.join(unasked)}")
    row.promise(log.overlap < SKEW, f"two members had a partition for {log.overlap:.1f} s")
    return row


def lost_answers(cluster: Cluster, net: Network, times: int) -> Iterator[Row]:
    """The broker tells a member once what to give up (KIP-848), and the member does not hear it."""
    yield from in_each(partial(unheard, cluster, net, times), at_once=False)  # There is one network.


def unheard(cluster: Cluster, net: Network, times: int, language: str) -> Row:
    topic, group, log, chance = fresh("unheard"), fresh("group"), Log(), random.Random(times)
    load = Load(language, cluster.servers, topic, RATE)
    members: list[Member] = []
    slowest = 0.0
    try:
        load.steady()
        hasty = "reconnect.backoff.max.ms=200"  # Else it waits longer each time.
        members.append(Member(language, net.servers, topic, group, log, PROTOCOLS["KIP-848"], hasty))
        for _ in range(times):
            await_all_flow(log, members)
            net.parted = "answers"
            members.append(Member(language, cluster.servers, topic, group, log, PROTOCOLS["KIP-848"]))
            time.sleep(chance.uniform(0.3, 1.2))  # The first one looks once a second how long it has waited.
            net.heal()
            slowest = max(slowest, await_all_flow(log, members))
            members.pop().leave()
        load.finish()
        await_that(lambda: log.count() >= load.counts["acked"], f"{language} members receive all")
    finally:
        net.heal()
        load.end()
        for member in members:
            member.end()
    row = row_of("answers to heartbeats are lost: KIP-848", load, times)
    row.figures["received"] = log.count()
    row.note = f"{log.again} rows again, shared {slowest:.1f} s after it"
    log.judge(row)
    row.promise(log.again == 0, f"{log.again} rows again")
    row.promise(slowest < 5, f"shared after {slowest:.1f} s")  # Before the broker's patience ends.
    return row


def await_all_flow(log: Log, members: list[Member]) -> float:
    """Until each member has a partition, and each partition one member, to which it gives messages that are new."""
    took = await_that(
        lambda: all(member.owns() for member in members) and log.is_shared(), "members share the partitions"
    )
    before = list(log.due)
    return took + await_that(
        lambda: all(now > then for now, then in zip(log.due, before, strict=True)),
        "each partition gives messages",
    )


# ---- programs that are killed ------------------------------------------------------------------


def kills(cluster: Cluster, times: int) -> Iterator[Row]:
    """The application is killed at a random row."""
    yield from in_each(partial(killed_reading, cluster, times))
    yield from in_each(partial(killed_copying, cluster, times))


def killed_reading(cluster: Cluster, times: int, language: str) -> Row:
    topic, group, count, log = fresh("read"), fresh("group"), 300 * times, Log()
    chance = random.Random(times)
    fill(language, cluster, topic, count)
    early = 0
    for number in range(times + 1):
        member = Member(language, cluster.servers, topic, group, log, *VICTIM)
        enough = chance.randrange(10, 200) if number < times else count
        try:
            await_that(partial(has_read, member, enough, count), f"{language}: {enough} rows")
            early += log.count() < count
            member.kill()
        finally:
            member.end()
    row = Row("consuming application killed", language, {"sent": count, "received": log.count()})
    row.figures.update(faults=times, lost=count - log.count())
    row.note = f"{log.again} rows again, none skipped"
    log.judge(row)
    row.promise(early == times, f"only {early} were killed before all was read")
    row.promise(log.again < count / 2, f"{log.again} rows again: are offsets committed?")
    return row


def has_read(member: Member, enough: int, all_there_are: int) -> bool:
    return member.told > enough or member.log.count() == all_there_are


def killed_copying(cluster: Cluster, times: int, language: str) -> Row:
    source, target, group, count = fresh("from"), fresh("to"), fresh("group"), 100 * times
    chance = random.Random(times)
    fill(language, cluster, source, count)
    fill(language, cluster, target, 0)
    copy = partial(copied, language, cluster, source, target, group)
    done = sum(copy(chance.randrange(2, 10), chance.random() / 50) for _ in range(times))
    early = done < count
    # The last one goes on until nothing is left, past the transaction of the one before.
    done += copy(None, 0)
    seen = read_committed(language, cluster, target)
    figures = {"sent": count, "acked": count, "received": len(seen), "faults": times}
    row = Row("transactional application killed", language, figures)
    row.figures["lost"] = len(set(range(0, 2 * count, 2)) - set(seen))
    row.figures["duplicated"] = len(seen) - len(set(seen))
    row.promise(early, "all was done before the last was killed")
    row.promise(row.figures["lost"] == 0, f"{row.figures['lost']} lost")
    row.promise(row.figures["duplicated"] == 0, f"{row.figures['duplicated']} duplicated")
    row.note = f"{done} told as done"
    return row


def copied(
    language: str,
    cluster: Cluster,
    source: str,
    target: str,
    group: str,
    transactions: int | None,
    more: float,
) -> int:
    """Kills a program that copies, `more` seconds after so many transactions, or when it finds nothing more."""
    copying = Program(language, "copy", cluster.servers, source, target, group)
    done = told = idle = 0
    with copying.within_patience():
        for words in copying.lines():
            count = int(words[0])
            done, told, idle = done + count, told + bool(count), 0 if count else idle + 1
            if idle > 50 or told == transactions:
                break
        else:
            copying.await_end()  # By itself, or by the guard.
        time.sleep(more)  # Somewhere in the next transaction.
        copying.kill()
    return done


def read_committed(language: str, cluster: Cluster, topic: str) -> list[int]:
    """All numbers of a topic, up to the end of each partition."""
    settings = ("isolation.level=read_committed", "enable.partition.eof=true")
    reading = Program(language, "read", cluster.servers, topic, fresh("group"), *settings)
    seen: list[int] = []
    ended: set[str] = set()
    with reading.within_patience():
        for what, *rest in reading.lines():
            if what == "=":
                ended.add(rest[0])
            elif what not in "+-":
                seen.append(int(rest[1]))
            if len(ended) == PARTITIONS:
                return seen
        raise Broken(f"{language}: {topic} was not read to its end")
