"""The examples, run as a person would."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import LIMIT, Cluster, receive

EXAMPLES = Path(__file__).parent.parent / "examples"


def command(name: str, *arguments: str) -> list[str]:
    return [sys.executable, str(EXAMPLES / name), *arguments]


def until_interrupt(name: str, *arguments: str, lines: int) -> list[str]:
    """Runs a program until it has printed so many lines, and then presses Ctrl-C."""
    with subprocess.Popen(command(name, *arguments), stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None
            printed = [program.stdout.readline().rstrip("\n") for _ in range(lines)]
        finally:
            program.send_signal(signal.SIGINT)
            assert program.wait(LIMIT) == 0
    return printed


def test_lines_go_through_a_topic(cluster: Cluster) -> None:
    topic = cluster.topic()
    sent = subprocess.run(
        command("producer.py", cluster.servers, topic),
        input="one\ntwo\nthree\n",
        text=True,
        capture_output=True,
        check=True,
        timeout=LIMIT,
    )
    assert len(sent.stdout.splitlines()) == 3 and not sent.stderr
    printed = until_interrupt("consumer.py", cluster.servers, cluster.group(), topic, lines=3)
    assert {line.split(": ")[1] for line in printed} == {"one", "two", "three"}


def test_asyncio_echoes(cluster: Cluster) -> None:
    source, target = cluster.topic(), cluster.topic()
    cluster.fill(source, 5)
    printed = until_interrupt("asyncio_echo.py", cluster.servers, source, target, lines=5)
    assert all(line.startswith("echoed to offset") for line in printed)
    assert {message.value() for message in receive(cluster.consumer(target), 5)} == {b"v0", b"v1", b"v2", b"v3", b"v4"}


def test_transactions_copy(cluster: Cluster) -> None:
    source, target = cluster.topic(), cluster.topic()
    cluster.fill(source, 50)
    done = subprocess.run(
        command("transactions.py", cluster.servers, source, target),
        text=True,
        capture_output=True,
        check=True,
        timeout=2 * LIMIT,
    )
    assert done.stdout == "50 messages\n"
    assert len({message.value() for message in receive(cluster.consumer(target), 50)}) == 50


def test_a_topic_becomes_a_table(cluster: Cluster) -> None:
    pytest.importorskip("polars")
    topic = cluster.topic()
    producer = cluster.producer()
    for who, what, number in (("ann", "tea", 1), ("bob", "tea", 2), ("ann", "tea", 3)):
        producer.produce(topic, json.dumps({"who": who, "what": what, "n": number}))
    producer.flush(LIMIT)
    done = subprocess.run(
        command("to_polars.py", cluster.servers, topic), text=True, capture_output=True, check=True, timeout=LIMIT
    )
    assert "ann" in done.stdout and "4" in done.stdout and "bob" in done.stdout
