"""The cluster that all programs talk to: a real Kafka, or the mock cluster."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from build import PAYLOAD, ROOT, run
from model import Messages, Program

KAFKA = ROOT / "tests" / "broker" / "kafka"
# Batches as large as a busy producer makes them, whoever reads them later.
FILL = ("produce:linger.ms=20", "produce:queue.buffering.max.messages=1000000")


@contextmanager
def kafka() -> Iterator[str]:
    """A broker of its own, or the cluster that KRS_TEST_BROKERS names."""
    if given := os.environ.get("KRS_TEST_BROKERS"):
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="bench.") as parent:
        place = Path(parent) / "broker"
        try:
            yield run(KAFKA, "start", place).strip()
        finally:
            run(KAFKA, "stop", place)


@contextmanager
def mock(krs: Program) -> Iterator[str]:
    """The mock cluster, in a process of its own."""
    process = subprocess.Popen([*krs.command, "mock"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


class Topics:
    """Topics of one run of the benchmark, made and filled by the program on librdkafka."""

    def __init__(self, servers: str, raw: Program, can_make: bool, say: Callable[[str], None]) -> None:
        self.servers = servers
        self._raw = raw
        self._can_make = can_make  # The mock cluster makes topics by itself only.
        self._say = say
        self._filled: dict[tuple[Messages, str], str] = {}
        self._count = 0

    def _call(self, way: str, topic: str, *settings: str) -> None:
        run(*self._raw.command, way, f"servers={self.servers}", f"topic={topic}", *settings)

    def make(self, partitions: int) -> str:
        """A new one."""
        self._count += 1
        topic = f"bench-{os.getpid()}-{self._count}"
        if self._can_make:
            self._call("topic", topic, f"partitions={partitions}")
        return topic

    def remove(self, topic: str) -> None:
        """Its disk space is for the next."""
        if self._can_make:
            self._call("topic", topic, "partitions=0")

    def filled(self, messages: Messages, name: str, count: int) -> str:
        """The one of this name with such messages; the first to ask says how many it gets."""
        if (messages, name) not in self._filled:
            self._say(f"filling a topic: {messages}")
            topic = self.make(messages.partitions)
            self._call("fill", topic, f"messages={count}", *fill_settings(messages), *FILL)
            self._filled[messages, name] = topic
        return self._filled[messages, name]


def fill_settings(messages: Messages) -> tuple[str, ...]:
    """What every program is told of the messages."""
    return (
        f"size={messages.size}",
        f"partitions={messages.partitions}",
        f"extras={int(messages.extras)}",
        f"payload={PAYLOAD}",
        f"produce:compression.type={messages.codec}",
    )
