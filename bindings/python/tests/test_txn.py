"""Transactions."""

from __future__ import annotations

import pytest

from conftest import LIMIT, REAL, Cluster, receive
from kafka_rs import KafkaError, KafkaException, Message, TopicPartition


def test_a_producer_without_an_id_has_no_transactions(mocked: Cluster) -> None:
    producer = mocked.producer()
    for call in (producer.init_transactions, producer.begin_transaction, producer.commit_transaction):
        with pytest.raises(KafkaException, match=r"transactional\.id") as refused:
            call()
        assert refused.value.args[0] == KafkaError._NOT_CONFIGURED


def test_messages_of_a_transaction_are_seen_once_it_is_committed(cluster: Cluster) -> None:
    topic = cluster.topic()
    producer = cluster.producer(**{"transactional.id": cluster.group()})
    told: list[Message] = []
    producer.init_transactions(LIMIT)
    producer.begin_transaction()
    producer.produce(topic, "committed", partition=0, on_delivery=lambda _, message: told.append(message))
    producer.commit_transaction(LIMIT)
    assert [message.value() for message in told] == [b"committed"]
    (message,) = receive(cluster.consumer(topic), 1)
    assert message.value() == b"committed"
    with pytest.raises(KafkaException) as wrong:
        producer.commit_transaction(LIMIT)
    assert wrong.value.args[0] == KafkaError._STATE


def test_what_a_callback_raises_comes_out_of_a_commit_that_is_done(cluster: Cluster) -> None:
    topic = cluster.topic()
    producer = cluster.producer(**{"transactional.id": cluster.group()})

    def fails(_: KafkaError | None, message: Message) -> None:
        raise ValueError(message.value())

    producer.init_transactions(LIMIT)
    producer.begin_transaction()
    producer.produce(topic, "committed", on_delivery=fails)
    with pytest.raises(ValueError, match="committed"):
        producer.commit_transaction(LIMIT)
    producer.begin_transaction()
    producer.abort_transaction(LIMIT)
    (message,) = receive(cluster.consumer(topic, **{"isolation.level": "read_committed"}), 1)
    assert message.value() == b"committed"


@pytest.mark.skipif(not REAL, reason="the mock cluster shows messages of aborted transactions")
def test_messages_of_an_aborted_transaction_are_not_seen(cluster: Cluster) -> None:
    topic = cluster.topic()
    producer = cluster.producer(**{"transactional.id": cluster.group()})
    producer.init_transactions()
    for value, end in (("aborted", producer.abort_transaction), ("committed", producer.commit_transaction)):
        producer.begin_transaction()
        producer.produce(topic, value, partition=0)
        producer.flush(LIMIT)
        end()
    (message,) = receive(cluster.consumer(topic), 1)
    assert message.value() == b"committed"


@pytest.mark.skipif(not REAL, reason="the mock cluster forgets offsets of transactions")
def test_offsets_are_committed_with_the_transaction(cluster: Cluster) -> None:
    source, target = cluster.topic(), cluster.topic()
    cluster.fill(source, 5)
    consumer = cluster.consumer(source, **{"enable.auto.commit": False})
    producer = cluster.producer(**{"transactional.id": cluster.group()})
    producer.init_transactions(LIMIT)
    messages = receive(consumer, 5)
    producer.begin_transaction()
    for message in messages:
        producer.produce(target, message.value(), partition=0)
    places = [TopicPartition(source, 0)]
    producer.send_offsets_to_transaction(consumer.position(places), consumer.consumer_group_metadata(), LIMIT)
    producer.commit_transaction(LIMIT)
    assert consumer.committed(places, LIMIT)[0].offset == 5


@pytest.mark.skipif(not REAL, reason="the mock cluster does not fence")
def test_a_second_producer_of_the_same_id_fences_the_first(cluster: Cluster) -> None:
    topic, name = cluster.topic(), cluster.group()
    first = cluster.producer(**{"transactional.id": name})
    first.init_transactions(LIMIT)
    first.begin_transaction()
    first.produce(topic, "zombie", partition=0)
    second = cluster.producer(**{"transactional.id": name})
    second.init_transactions(LIMIT)
    with pytest.raises(KafkaException) as fenced:
        first.commit_transaction(LIMIT)
    assert fenced.value.args[0].fatal() or fenced.value.args[0].txn_requires_abort()
