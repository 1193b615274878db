"""Clusters to test on: the mock, and a real Kafka if KRS_TEST_BROKERS names one."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

import kafka_rs
from kafka_rs import Consumer, Message, Producer

REAL = os.environ.get("KRS_TEST_BROKERS", "")
LIMIT = 30.0


def run(main: Coroutine[Any, Any, Any]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(LIMIT):
            await main

    asyncio.run(bounded())


class Cluster:
    """Where a test's clients connect, with names of its own."""

    def __init__(self, servers: str, mock: kafka_rs.MockCluster | None) -> None:
        self.servers = servers
        self.mock = mock
        self._open: list[Any] = []

    def topic(self) -> str:
        """A topic of its own, of four partitions; tests of order send to partition 0."""
        name = f"py-{uuid.uuid4().hex[:12]}"
        if self.mock is not None:
            self.mock.create_topic(name, 4)
        return name

    def group(self) -> str:
        return f"group-{uuid.uuid4().hex[:12]}"

    def producer(self, **conf: Any) -> Producer:
        producer = Producer({"bootstrap.servers": self.servers, "linger.ms": 1, **conf})
        self._open.append(producer)
        return producer

    def consumer_conf(self, **conf: Any) -> dict[str, Any]:
        return {
            "bootstrap.servers": self.servers,
            "group.id": self.group(),
            "auto.offset.reset": "earliest",
            # The mock waits that long for a member that left.
            "session.timeout.ms": 6000,
            **conf,
        }

    def consumer(self, *topics: str, **conf: Any) -> Consumer:
        consumer = Consumer(self.consumer_conf(**conf))
        self._open.append(consumer)
        if topics:
            consumer.subscribe(list(topics))
        return consumer

    def fill(self, topic: str, count: int, partition: int = 0) -> None:
        producer = self.producer()
        for number in range(count):
            producer.produce(topic, f"v{number}", key=f"k{number}", partition=partition)
        assert producer.flush(LIMIT) == 0

    def close(self) -> None:
        for client in self._open:
            client.close(5)


@pytest.fixture(scope="session")
def mock() -> Iterator[kafka_rs.MockCluster]:
    with kafka_rs.MockCluster() as cluster:
        yield cluster


@pytest.fixture
def cluster(mock: kafka_rs.MockCluster) -> Iterator[Cluster]:
    """The real Kafka if there is one, which is quicker, too: the mock lets a group wait for 3 s."""
    cluster = Cluster(REAL, None) if REAL else Cluster(mock.bootstrap_servers(), mock)
    yield cluster
    cluster.close()


@pytest.fixture
def mocked(mock: kafka_rs.MockCluster) -> Iterator[Cluster]:
    cluster = Cluster(mock.bootstrap_servers(), mock)
    yield cluster
    cluster.close()


def receive(consumer: Consumer, count: int, limit: float = LIMIT) -> list[Message]:
    """So many messages, within a time limit; an error fails the test."""
    messages: list[Message] = []
    end = time.monotonic() + limit
    while len(messages) < count:
        message = consumer.poll(max(0.0, end - time.monotonic()))
        assert message is not None, f"{len(messages)} of {count} messages after {limit} s"
        error = message.error()
        # The topic may be just being made.
        if error is not None and error.code() == kafka_rs.KafkaError.UNKNOWN_TOPIC_OR_PART:
            continue
        assert error is None, error
        messages.append(message)
    return messages


def until(condition: Callable[[], object], step: Callable[[], object], limit: float = LIMIT) -> None:
    """Repeats a step, which waits by itself, until something holds."""
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        step()
