"""Runs the plan, round by round, and keeps what it measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from subprocess import SubprocessError

import plan
from cluster import Topics, fill_settings
from measure import RunFailed, measure
from model import Case, Program, Results, Run, Sample

LIMIT = 60.0  # Seconds for one run.
LATE = 100.0  # Milliseconds, after a second of messages of which some have to wait.
LESS = 0.7  # From one rate to the next.
TRIES = 12


class Rounds:
    """Interleaved: a round runs each case once, and the runs of a case directly after one another."""

    def __init__(
        self, programs: dict[str, Program], topics: Topics, say: Callable[[str], None], deadline: float
    ) -> None:
        self.results = Results()
        self._took: dict[str, float] = {}  # Seconds, the last time.
        self._programs = programs
        self._topics = topics
        self._say = say
        self._deadline = deadline
        self._given_up: set[tuple[str, str]] = set()

    def all(self, cases: tuple[Case, ...], rounds: int) -> None:
        """Each case as often as there is time for, and the first ones most often."""
        for number in range(rounds):
            for case in cases:
                if number % case.every == 0 and self.fits(case):
                    self._say(f"round {number + 1} of {rounds}: {case.title}")
                    began = time.monotonic()
                    self.case(case, number)
                    self._took[case.title] = time.monotonic() - began

    def fits(self, case: Case) -> bool:
        """Whether there is time for it once more."""
        return time.monotonic() + self._took.get(case.title, 0.0) < self._deadline

    def case(self, case: Case, number: int) -> None:
        """Every second round has the runs in the opposite order, so that none is always first."""
        shared = ""
        try:
            if case.topic == "new":
                shared = self._topics.make(case.messages.partitions)
            elif case.topic != "each":
                most = max(run.messages for run in case.runs)
                shared = self._topics.filled(case.messages, case.topic, most)
        except SubprocessError as error:
            for run in case.runs:
                self.results.fail(case.title, run.key, f"no topic: {error}")
            return
        for run in case.runs if number % 2 == 0 else reversed(case.runs):
            self.one(case, run, number, shared)
        if case.topic == "new":
            self._topics.remove(shared)

    def one(self, case: Case, run: Run, number: int, shared: str) -> None:
        """One run. What failed twice is not tried again."""
        program = self._programs[run.program]
        failed_before = self.results.failure(case.title, run.key)
        if program.failure or (case.title, run.key) in self._given_up:
            self.results.fail(case.title, run.key, program.failure)
            return
        try:
            topic = shared or self._topics.make(case.messages.partitions)
            sample = self._measure(program, case, run, topic)
        except (RunFailed, SubprocessError, ValueError, TypeError) as error:
            self.results.fail(case.title, run.key, str(error))
            if failed_before or "did not end" in str(error):
                self._given_up.add((case.title, run.key))
            self._say(f"{case.title}: {run.key} failed: {error}\n")
            return
        self.results.add(case.title, run.key, number, sample)

    def _measure(self, program: Program, case: Case, run: Run, topic: str) -> Sample:
        arguments = (
            f"servers={self._topics.servers}",
            f"topic={topic}",
            f"messages={run.messages}",
            *fill_settings(case.messages),
            *case.settings,
            *run.settings,
        )
        return measure([*program.command, run.way, *arguments], LIMIT)

    def rates(self, share: float) -> dict[str, int]:
        """For each program, this share of what the slowest in its language keeps up with."""
        probe = plan.latency("", {program: 0 for program, _ in plan.LATENCY}, plan.EQUAL)
        able: dict[str, float] = {}
        for run in probe.runs:
            if self._programs[run.program].failure:
                continue
            self._say(f"looking for the highest rate of {run.key}")
            try:
                able[run.program] = self._keeps_up_with(probe, run)
            except (RunFailed, SubprocessError):
                continue
        found: dict[str, int] = {}
        for names in plan.LANGUAGES.values():
            there = [name for name in names if able.get(name)]
            found |= {name: int(share * min(able[other] for other in there)) for name in there}
        return found

    def _keeps_up_with(self, probe: Case, run: Run) -> float:
        """The highest rate at which messages do not pile up: not that of a burst, whose requests are larger."""
        count = 20_000 if run.program.startswith("py") else 100_000
        rate = 0.0
        for _ in range(TRIES):
            topic = self._topics.make(probe.messages.partitions)
            paced = Run(run.program, run.way, count, settings=(f"rate={rate:.0f}",))
            sample = self._measure(self._programs[run.program], probe, paced, topic)
            if rate and (sample.value("p99") or 0) < LATE:
                return rate
            rate = rate * LESS if rate else sample.value("rate") or 0
            count = int(rate)
        return 0
