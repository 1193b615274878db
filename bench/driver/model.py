"""What is run, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Program:
    """One of the programs, built; or why it could not be."""

    name: str  # As people know it.
    command: tuple[str, ...] = ()
    failure: str = ""


@dataclass(frozen=True)
class Messages:
    """What the messages of a topic are like."""

    size: int = 100
    codec: str = "none"
    partitions: int = 4
    extras: bool = False  # A key and headers.

    def __str__(self) -> str:
        size = f"{self.size // 1024} KiB" if self.size >= 1024 else f"{self.size} B"
        partitions = f"{self.partitions} partition" + "s" * (self.partitions != 1)
        return f"{size}, {self.codec}, {partitions}" + ", key and headers" * self.extras


@dataclass(frozen=True)
class Run:
    """One way of one program."""

    program: str
    way: str
    messages: int
    against: str = ""  # The run that it is compared with, as program/way.
    settings: tuple[str, ...] = ()  # name=value, beside those of the case.
    label: str = ""

    @property
    def key(self) -> str:
        return f"{self.program}/{self.label or self.way}"


@dataclass(frozen=True)
class Case:
    """Runs that are compared: on the same topic, with the same settings, one after the other in a round."""

    title: str
    messages: Messages
    runs: tuple[Run, ...]
    settings: tuple[str, ...] = ()
    topic: str = "filled"  # "new": one to write to; "each": one for each run; others: a filled one of that name.
    every: int = 1  # Only in each n-th round.


@dataclass
class Sample:
    """What one run measured."""

    messages: int
    bytes: int
    seconds: float
    user: float
    system: float
    memory: int = 0  # Peak, in bytes.
    threads: int = 0  # Peak.
    allocations: float | None = None  # A message, where the language counts them.
    heap: int | None = None
    latency: list[float] | None = None  # p50, p99, p99.9 in milliseconds.

    def value(self, measure: str) -> float | None:
        """A figure by its name; None where it was not measured."""
        if measure in ("p50", "p99", "p99.9"):
            return self.latency[("p50", "p99", "p99.9").index(measure)] if self.latency else None
        if measure == "rate":
            return self.messages / self.seconds if self.seconds and self.messages else None
        if measure == "cpu":  # Microseconds a message.
            return (self.user + self.system) * 1e6 / self.messages if self.messages else None
        value = getattr(self, measure)
        return None if value is None else float(value)


@dataclass
class Results:
    """All samples: by case and run, in the order of rounds."""

    samples: dict[str, dict[str, dict[int, Sample]]] = field(default_factory=dict)
    failures: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, case: str, run: str, number: int, sample: Sample) -> None:
        self.samples.setdefault(case, {}).setdefault(run, {})[number] = sample

    def fail(self, case: str, run: str, why: str) -> None:
        self.failures.setdefault(case, {}).setdefault(run, why)

    def failure(self, case: str, run: str) -> str:
        return self.failures.get(case, {}).get(run, "")

    def of(self, case: str, run: str) -> dict[int, Sample]:
        return self.samples.get(case, {}).get(run, {})

    def rounds(self, case: str) -> int:
        """How many there were."""
        return max((len(found) for found in self.samples.get(case, {}).values()), default=0)
