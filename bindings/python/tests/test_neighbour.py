"""Beside confluent-kafka in one process: each has a librdkafka of its own."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import Cluster, receive

peer: Any = pytest.importorskip("confluent_kafka")
COUNT = 500


def test_what_one_sends_the_other_receives(cluster: Cluster) -> None:
    ours, theirs = cluster.topic(), cluster.topic()
    cluster.fill(ours, COUNT)
    producer = peer.Producer({"bootstrap.servers": cluster.servers})
    for number in range(COUNT):
        producer.produce(theirs, f"v{number}", partition=0)
    assert producer.flush(60) == 0

    received = receive(cluster.consumer(theirs), COUNT)
    assert [message.value() for message in received] == [b"v%d" % number for number in range(COUNT)]

    consumer = peer.Consumer(cluster.consumer_conf())
    consumer.subscribe([ours])
    values: list[bytes] = []
    while len(values) < COUNT:
        messages = consumer.consume(100, 60)
        assert messages, f"{len(values)} of {COUNT}"
        values += [message.value() for message in messages if not message.error()]
    consumer.close()
    assert values == [b"v%d" % number for number in range(COUNT)]
