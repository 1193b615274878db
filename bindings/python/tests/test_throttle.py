"""Quotas, which only a real Kafka has."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import REAL, Cluster, until
from kafka_rs import ThrottleEvent

KAFKA = Path(__file__).parents[3] / "tests/broker/kafka"


def limit(client: str, quota: str) -> None:
    """A quota in bytes a second for a client.id."""
    alter = ("--alter", "--entity-type", "clients", "--entity-name", client, "--add-config", f"{quota}=2000")
    tool = (KAFKA, "tool", "kafka.admin.ConfigCommand", "--bootstrap-server", REAL, *alter)
    subprocess.run(tool, check=True, capture_output=True, timeout=120)


def expect(told: list[ThrottleEvent], step: Callable[[], object]) -> None:
    until(lambda: told, step)
    first = told[0]
    assert first.broker_name in (REAL, REAL.replace("127.0.0.1", "localhost")), first.broker_name
    assert first.broker_id >= 0
    assert 0 < first.throttle_time < 60
    assert str(first).endswith(f"throttled for {int(first.throttle_time * 1000)} ms")


@pytest.mark.skipif(not REAL, reason="the mock cluster has no quotas")
def test_throttle_cb_tells_that_a_broker_delays_a_producer_or_consumer(cluster: Cluster) -> None:
    client, topic = f"py-{uuid.uuid4().hex[:12]}", cluster.topic()
    cluster.fill(topic, 1000)
    limit(client, "producer_byte_rate")
    limit(client, "consumer_byte_rate")
    told: list[ThrottleEvent] = []
    conf: dict[str, Any] = {"client.id": client, "throttle_cb": told.append}
    producer = cluster.producer(**conf)

    def send() -> None:
        producer.produce(topic, b"x" * 10_000)
        producer.poll(0.01)

    expect(told, send)
    producer.purge()
    told.clear()
    consumer = cluster.consumer(topic, **conf)
    expect(told, lambda: consumer.consume(100, 0.1))
