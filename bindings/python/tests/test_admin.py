"""AdminClient: topics are made, enlarged, deleted and listed."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from conftest import LIMIT, REAL, until
from kafka_rs import KafkaError, KafkaException
from kafka_rs.admin import AdminClient, NewPartitions, NewTopic

real = pytest.mark.skipif(not REAL, reason="the mock cluster does not know admin requests")


def code_of(future: Any) -> int:
    with pytest.raises(KafkaException) as failed:
        future.result(LIMIT)
    error: KafkaError = failed.value.args[0]
    return error.code()


@real
def test_topics_come_and_go() -> None:
    admin = AdminClient({"bootstrap.servers": REAL})
    one, two = (f"admin-{uuid.uuid4().hex[:8]}" for _ in range(2))
    new = [NewTopic(one, 3, 1, config={"retention.ms": "1000"}), NewTopic(two, num_partitions=1, replication_factor=1)]
    made = admin.create_topics(new, request_timeout=LIMIT)
    assert {name: future.result(LIMIT) for name, future in made.items()} == {one: None, two: None}
    until(lambda: {one, two} <= set(admin.list_topics(timeout=LIMIT).topics), lambda: None)
    assert len(admin.list_topics(one, timeout=LIMIT).topics[one].partitions) == 3
    assert code_of(admin.create_topics([NewTopic(one, 1, 1)])[one]) == KafkaError.TOPIC_ALREADY_EXISTS

    admin.create_partitions([NewPartitions(one, 5)])[one].result(LIMIT)
    until(lambda: len(admin.list_topics(one, timeout=LIMIT).topics[one].partitions) == 5, lambda: None)
    assert code_of(admin.create_partitions([NewPartitions(one, 2)])[one]) == KafkaError.INVALID_PARTITIONS

    admin.delete_topics([one])[one].result(LIMIT)
    assert code_of(admin.delete_topics([f"no-{one}"])[f"no-{one}"]) == KafkaError.UNKNOWN_TOPIC_OR_PART
    until(lambda: one not in admin.list_topics(timeout=LIMIT).topics, lambda: None)


@real
def test_the_brokers_of_each_partition_may_be_named() -> None:
    admin = AdminClient({"bootstrap.servers": REAL})
    name = f"admin-{uuid.uuid4().hex[:8]}"
    broker = next(iter(admin.list_topics(timeout=LIMIT).brokers))
    admin.create_topics([NewTopic(name, 2, replica_assignment=[[broker], [broker]])])[name].result(LIMIT)
    until(lambda: name in admin.list_topics(timeout=LIMIT).topics, lambda: None)
    assert code_of(admin.create_partitions([NewPartitions(name, 3, [[4242]])])[name]) == (
        KafkaError.INVALID_REPLICA_ASSIGNMENT
    )
    admin.create_partitions([NewPartitions(name, 3, [[broker]])])[name].result(LIMIT)
    with pytest.raises(ValueError, match="the same number of brokers"):
        admin.create_topics([NewTopic("a", 2, replica_assignment=[[1, 2], [1]])])


@real
def test_to_validate_makes_nothing() -> None:
    admin = AdminClient({"bootstrap.servers": REAL})
    name = f"admin-{uuid.uuid4().hex[:8]}"
    admin.create_topics([NewTopic(name, 1, 1)], validate_only=True)[name].result(LIMIT)
    assert code_of(admin.create_topics([NewTopic(name, 1, 99)], validate_only=True)[name]) == (
        KafkaError.INVALID_REPLICATION_FACTOR
    )
    assert name not in admin.list_topics(timeout=LIMIT).topics


@real
def test_futures_do_not_need_their_client_any_more() -> None:
    name = f"py-{uuid.uuid4().hex[:12]}"
    made = AdminClient({"bootstrap.servers": REAL}).create_topics([NewTopic(name, 1)])
    made[name].result(LIMIT)


def test_a_cluster_that_does_not_answer_is_an_error_in_time() -> None:
    admin = AdminClient({"bootstrap.servers": "127.0.0.1:1"})
    assert code_of(admin.create_topics([NewTopic("a", 1, 1)], request_timeout=0.3)["a"]) == KafkaError._TIMED_OUT


@pytest.mark.parametrize("topics", [5, [5], "a"])
def test_what_is_no_topic_is_a_type_error(topics: Any) -> None:
    admin = AdminClient({"bootstrap.servers": "127.0.0.1:1"})
    for call in (admin.create_topics, admin.create_partitions, admin.delete_topics):
        with pytest.raises(TypeError):
            call(topics)
    for names in ([], ["a", "a"]):
        with pytest.raises(ValueError, match="topic"):
            admin.delete_topics(names)


def test_requests_compare_by_what_they_say() -> None:
    assert NewTopic("a", 1, 1) == NewTopic("a", 1, 1) != NewTopic("a", 2, 1)
    assert NewPartitions("a", 1) < NewPartitions("b", 1)
    assert repr(NewTopic("a", 3)) == "NewTopic(topic=a,num_partitions=3)"
