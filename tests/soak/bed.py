"""What the rows of the soak share: the cluster, the programs that put load on it, and what is said of them."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "target" / "soak"
PATIENCE = 120.0
PARTITIONS = 6

Counts = dict[str, Any]


class Broken(Exception):
    """A promise did not hold."""


def await_that(condition: Callable[[], object], what: str, limit: float = PATIENCE) -> float:
    """Waits until something holds, and returns how long that took."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > limit:
            raise Broken(f"not within {limit:.0f} s: {what}")
        time.sleep(0.02)
    return time.monotonic() - start


def fresh(what: str) -> str:
    return f"soak-{what}-{uuid.uuid4().hex[:8]}"


# ---- the cluster -------------------------------------------------------------------------------


class Cluster:
    """The brokers that `tests/broker/cluster run` started."""

    def __init__(self) -> None:
        self.servers = os.environ["KRS_TEST_BROKERS"]
        self.directory = Path(os.environ["KRS_TEST_DIR"])
        lines = (self.directory / "proxied").read_text().split("\n")
        #: Broker, the port of its second listener, the port that clients who come in there are told.
        self.proxied = [tuple(map(int, line.split())) for line in lines if line]

    def ids(self) -> list[int]:
        return [broker for broker, _, _ in self.proxied]

    def do(self, command: str, *args: object) -> None:
        tool = str(ROOT / "tests/broker/cluster")
        words = [tool, command, str(self.directory), *map(str, args)]
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL)

    def in_sync(self, topic: str) -> bool:
        """Whether each partition has all its replicas, as each broker sees it."""
        wanted = len(self.proxied)
        try:
            seen = [replicas_in_sync(server, topic) for server in self.servers.split(",")]
        except OSError:
            return False
        return all(each and all(count == wanted for count in each) for each in seen)

    def await_in_sync(self, *topics: str) -> None:
        for topic in topics:
            await_that(lambda topic=topic: self.in_sync(topic), f"all replicas of {topic} in sync")


def replicas_in_sync(server: str, topic: str) -> list[int]:
    """How many replicas of each partition are in sync: Metadata version 1, by hand."""
    host, port = server.rsplit(":", 1)
    name = topic.encode()
    body = struct.pack(">hhih", 3, 1, 7, -1) + struct.pack(">ih", 1, len(name)) + name
    with socket.create_connection((host, int(port)), 2) as connection:
        connection.settimeout(5)
        connection.sendall(struct.pack(">i", len(body)) + body)
        (size,) = struct.unpack(">i", exactly(connection, 4))
        return in_sync_of(exactly(connection, size)[4:])


def exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise OSError("the broker hung up")
        data += more
    return data


def in_sync_of(answer: bytes) -> list[int]:
    at = 0

    def number(kind: str) -> int:
        nonlocal at
        (value,) = struct.unpack_from(">" + kind, answer, at)
        at += struct.calcsize(">" + kind)
        return int(value)

    def text() -> None:
        nonlocal at
        size = number("h")
        at += max(0, size)  # -1 is null.

    def numbers() -> list[int]:
        return [number("i") for _ in range(number("i"))]

    for _ in range(number("i")):
        number("i"), text(), number("i"), text()
    number("i")
    counts = []
    for _ in range(number("i")):
        number("h"), text(), number("b")
        for _ in range(number("i")):
            number("h"), number("i"), number("i"), numbers()
            counts.append(len(numbers()))
    return counts


# ---- programs ----------------------------------------------------------------------------------


@dataclass
class Usage:
    """What a process has of the machine."""

    mib: float
    threads: int
    descriptors: int
    cpu: float

    @classmethod
    def of(cls, pid: int) -> Usage:
        status = Path(f"/proc/{pid}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        times = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks = os.sysconf("SC_CLK_TCK")
        return cls(
            int(fields["VmRSS"].split()[0]) / 1024,
            int(fields["Threads"]),
            len(os.listdir(f"/proc/{pid}/fd")),
            (int(times[11]) + int(times[12])) / ticks,
        )


def program(language: str, name: str = "load") -> list[str]:
    return {
        "C": [str(BUILT / name)],
        "Go": [str(BUILT / f"{name}-go")],
        "Python": [str(ROOT / "target/python/bin/python"), str(ROOT / f"tests/soak/{name}.py")],
    }[language]


def languages() -> list[str]:
    """Those whose workload program is there; `run` builds what can be built."""
    return os.environ.get("SOAK_LANGUAGES", "C").split()


class Load:
    """A workload program, its latest counts, and a sample of its usage now and then."""

    def __init__(
        self, language: str, servers: str, topic: str, rate: int, *settings: str, name: str = "load"
    ) -> None:
        self.language, self.topic = language, topic
        self.counts: Counts = {}
        self.samples: list[tuple[float, Usage]] = []
        self.before: Usage | None = None
        self.after: Usage | None = None
        self._errors = open(BUILT / f"{topic}.stderr", "w+")
        command = [*program(language, name), servers, topic, str(PARTITIONS), str(rate), *settings]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            bufsize=1,
            env={**os.environ, "PYTHONSAFEPATH": "1"},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith("{"):
                self.counts = json.loads(line)
                self._sample()

    def _sample(self) -> None:
        try:
            self.samples.append((time.monotonic(), Usage.of(self.process.pid)))
        except (OSError, KeyError):
            pass  # It just ended.

    def alive(self) -> None:
        if self.process.poll() is not None and not self.counts.get("final"):
            self._errors.seek(0)
            said = self._errors.read().strip().split("\n")[-1]
            raise Broken(f"{self.language} ended with {self.process.returncode}: {said[:300]}")

    def count(self, name: str) -> int:
        self.alive()
        return int(self.counts.get(name, 0))

    def await_count(self, name: str, least: int, limit: float = PATIENCE) -> float:
        try:
            return await_that(lambda: self.count(name) >= least, f"{name} {least}", limit)
        except Broken as broken:
            raise Broken(f"{self.language}: {broken}; {self.counts}") from broken

    def await_flow(self, limit: float = PATIENCE) -> float:
        """Until messages are acknowledged and received that were not yet."""
        acked, received = self.count("acked"), self.count("received")
        took = self.await_count("acked", acked + 20, limit)
        return took + self.await_count("received", received + 20, limit)

    def steady(self) -> None:
        """Messages flow: what the process has from now on is what it needs."""
        self.await_count("received", 1000)
        self.before = Usage.of(self.process.pid)

    def say(self, command: str) -> None:
        self.alive()
        assert self.process.stdin
        self.process.stdin.write(command + "\n")

    def finish(self, command: str = "stop", limit: float = 400.0) -> Counts:
        self.after = Usage.of(self.process.pid)
        self.say(command)
        await_that(lambda: self.alive() or self.counts.get("final"), f"{self.language} ends", limit)
        self.process.wait(60)
        if self.process.returncode:
            raise Broken(f"{self.language} ended with {self.process.returncode}")
        return self.counts

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(10)
        self._errors.close()
        Path(self._errors.name).unlink(missing_ok=True)


# ---- rows of the table -------------------------------------------------------------------------


@dataclass
class Row:
    name: str
    language: str = "C"
    figures: Counts = field(default_factory=dict)
    before: Usage | None = None
    after: Usage | None = None
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)
    note: str = ""

    def promise(self, holds: object, what: str) -> None:
        if not holds:
            self.broken.append(what)

    def leaves_nothing(self) -> None:
        """Memory, threads and descriptors are as they were, but for what a runtime keeps."""
        if self.before and self.after:
            grown = self.after.mib - self.before.mib
            self.promise(grown < 100, f"memory grew by {grown:.0f} MiB")
            threads = self.after.threads - self.before.threads
            self.promise(threads <= 6, f"{threads} more threads")
            descriptors = self.after.descriptors - self.before.descriptors
            self.promise(descriptors <= 12, f"{descriptors} more descriptors")


def lost(counts: Counts) -> int:
    """Acknowledged and not received. A number that is missing may also be one that failed."""
    missing = counts["gaps"] - counts["failed"]
    return max(0, counts["acked"] - counts["received"], missing)


def row_of(name: str, load: Load, faults: int, once: bool) -> Row:
    """A row of a load that ended with `stop`, with the promises that every fault must leave whole. `once`: no message
    is in its topic twice."""
    counts = load.counts
    row = Row(name, load.language, dict(counts, faults=faults, lost=lost(counts)))
    row.before, row.after = load.before, load.after
    row.promise(row.figures["lost"] == 0, f"{row.figures['lost']} lost")
    row.promise(not once or counts["duplicated"] == 0, f"{counts['duplicated']} duplicated")
    row.promise(counts["reports"] == counts["sent"], "not one report for each message")
    row.promise(counts["failed"] == 0, f"{counts['failed']} failed")
    row.promise(counts["wild"] == 0, f"{counts['wild']} stale rows after a seek")
    row.promise(counts["close_ms"] < 11000, f"close took {counts['close_ms']} ms of 10000")
    row.leaves_nothing()
    return row


def finish_all(name: str, loads: list[Load], faults: int, once: bool = True) -> Iterator[Row]:
    """Ends the loads, all at once, and gives a row for each."""
    ending = [threading.Thread(target=quietly, args=(load,)) for load in loads]
    for thread in ending:
        thread.start()
    for thread in ending:
        thread.join()
    for load in loads:
        if load.counts.get("final"):
            yield row_of(name, load, faults, once)
        else:
            yield Row(name, load.language, dict(load.counts), broken=["it did not end"])


def quietly(load: Load) -> None:
    try:
        load.finish()
    except Broken:
        pass  # `finish_all` sees that it did not end.
