"""Assignments, rebalances, flow and offsets of a consumer."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import kafka_rs
from conftest import LIMIT, Cluster, receive, until
from kafka_rs import Consumer, KafkaError, KafkaException, Message, TopicPartition


def offsets(messages: list[Message]) -> list[int | None]:
    return [message.offset() for message in messages]


def assigned(cluster: Cluster, topic: str, offset: int = kafka_rs.OFFSET_BEGINNING, **conf: Any) -> Consumer:
    consumer = cluster.consumer(**conf)
    consumer.assign([TopicPartition(topic, 0, offset)])
    return consumer


def quiet(consumer: Consumer, seconds: float = 0.3) -> None:
    message = consumer.poll(seconds)
    assert message is None, message


def test_assign_reads_from_the_offset_given(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 20)
    consumer = assigned(cluster, topic, 5)
    assert offsets(receive(consumer, 3)) == [5, 6, 7]
    consumer.assign([TopicPartition(topic, 0, 15)])
    assert offsets(receive(consumer, 2)) == [15, 16]
    assert consumer.assignment() == [TopicPartition(topic, 0)]
    consumer.unassign()
    assert consumer.assignment() == []
    quiet(consumer)


def test_assignments_grow_and_shrink(cluster: Cluster) -> None:
    topic = cluster.topic()
    for partition in range(3):
        cluster.fill(topic, 5, partition)
    consumer = cluster.consumer()
    beginning = kafka_rs.OFFSET_BEGINNING
    consumer.incremental_assign([TopicPartition(topic, 0, beginning)])
    receive(consumer, 5)
    consumer.incremental_assign([TopicPartition(topic, 1, beginning), TopicPartition(topic, 2, beginning)])
    assert {message.partition() for message in receive(consumer, 10)} == {1, 2}
    consumer.incremental_unassign([TopicPartition(topic, 1)])
    assert sorted(consumer.assignment()) == [TopicPartition(topic, 0), TopicPartition(topic, 2)]
    cluster.fill(topic, 1, 1)
    quiet(consumer)


@pytest.mark.parametrize("partitions", [5, (), [5], ["topic"]])
def test_partitions_are_a_list_of_topic_partitions(mocked: Cluster, partitions: Any) -> None:
    consumer = mocked.consumer()
    for call in (consumer.assign, consumer.pause, consumer.position, consumer.committed):
        with pytest.raises(TypeError, match="TopicPartition"):
            call(partitions)


def test_a_paused_partition_gives_nothing_and_loses_nothing(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 100)
    consumer = assigned(cluster, topic)
    assert offsets(receive(consumer, 10)) == list(range(10))
    consumer.pause([TopicPartition(topic, 0)])
    quiet(consumer)
    consumer.resume([TopicPartition(topic, 0)])
    assert offsets(receive(consumer, 90)) == list(range(10, 100))


def test_pausing_what_is_not_assigned_is_no_error(mocked: Cluster) -> None:
    consumer = mocked.consumer()
    consumer.pause([TopicPartition("a", 0)])
    consumer.resume([TopicPartition("a", 0)])


def test_after_seek_nothing_comes_from_before(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 200)
    consumer = assigned(cluster, topic)
    receive(consumer, 5)
    for target in (150, 3, 199):
        consumer.seek(TopicPartition(topic, 0, target))
        assert offsets(receive(consumer, 1)) == [target]
    consumer.seek(TopicPartition(topic, 0, kafka_rs.OFFSET_BEGINNING))
    assert offsets(receive(consumer, 2)) == [0, 1]
    with pytest.raises(KafkaException, match="Failed to seek to offset 7"):
        consumer.seek(TopicPartition(topic, 3, 7))
    with pytest.raises(TypeError):
        consumer.seek(5)  # type: ignore[arg-type]
    assert offsets(receive(consumer, 1)) == [2]


def test_the_position_is_after_the_last_message_given(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 50)
    consumer = assigned(cluster, topic)
    (before,) = consumer.position([TopicPartition(topic, 3)])
    assert before.offset == kafka_rs.OFFSET_INVALID
    for count in (1, 4):
        receive(consumer, count)
    (after,) = consumer.position([TopicPartition(topic, 0)])
    assert (after.topic, after.partition, after.offset, after.error) == (topic, 0, 5, None)
    assert offsets(receive(consumer, 1)) == [5]


def test_commits_name_a_message_or_offsets(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 10)
    consumer = assigned(cluster, topic, **{"enable.auto.commit": False})
    messages = receive(consumer, 6)
    place = TopicPartition(topic, 0)
    assert consumer.committed([place], LIMIT)[0].offset == kafka_rs.OFFSET_INVALID
    (done,) = consumer.commit(message=messages[3], asynchronous=False)
    assert (done.topic, done.partition, done.offset, done.error) == (topic, 0, 4, None)
    assert consumer.committed([place], LIMIT)[0].offset == 4
    consumer.commit(offsets=[TopicPartition(topic, 0, 2, "a note")], asynchronous=False)
    (committed,) = consumer.committed([place], LIMIT)
    assert (committed.offset, committed.metadata) == (2, "a note")
    (done,) = consumer.commit(asynchronous=False)
    assert done.offset == 6


def test_a_message_with_an_error_is_not_committed(mocked: Cluster) -> None:
    consumer = mocked.consumer(**{"enable.auto.offset.store": False})
    broken = Message("t", 0, 1, error=KafkaError(3))
    for call in (consumer.commit, consumer.store_offsets):
        with pytest.raises(KafkaException, match="Cannot commit offsets for message with error") as refused:
            call(message=broken)
        assert refused.value.args[0] == KafkaError._INVALID_ARG
        with pytest.raises(TypeError):
            call(message=5)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="mutually exclusive"):
            call(message=broken, offsets=[])
    with pytest.raises(ValueError, match="expected either"):
        consumer.store_offsets()


def test_only_stored_offsets_are_committed_if_the_program_stores_them(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 10)
    consumer = assigned(cluster, topic, **{"enable.auto.offset.store": False, "enable.auto.commit": False})
    messages = receive(consumer, 8)
    consumer.store_offsets(message=messages[2])
    (done,) = consumer.commit(asynchronous=False)
    assert done.offset == 3
    consumer.store_offsets(offsets=[TopicPartition(topic, 0, 7)])
    consumer.commit(asynchronous=False)
    assert consumer.committed([TopicPartition(topic, 0)], LIMIT)[0].offset == 7


def test_storing_offsets_is_refused_while_they_are_stored_by_themselves(mocked: Cluster) -> None:
    with pytest.raises(KafkaException, match="StoreOffsets failed") as refused:
        mocked.consumer().store_offsets(offsets=[TopicPartition("a", 0, 5)])
    assert refused.value.args[0] == KafkaError._INVALID_ARG


def test_on_assign_and_on_revoke_are_told(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 5)
    told: list[tuple[str, Any, list[TopicPartition]]] = []
    consumer = cluster.consumer()
    consumer.subscribe(
        [topic],
        on_assign=lambda who, partitions: told.append(("assign", who, partitions)),
        on_revoke=lambda who, partitions: told.append(("revoke", who, partitions)),
    )
    assert offsets(receive(consumer, 5)) == list(range(5))
    all_of_it = [TopicPartition(topic, number) for number in range(4)]
    assert [(what, who, sorted(partitions)) for what, who, partitions in told] == [("assign", consumer, all_of_it)]
    assert sorted(consumer.assignment()) == all_of_it
    consumer.close()
    assert [what for what, _, _ in told] == ["assign", "revoke"]
    assert sorted(told[1][2]) == all_of_it


def test_on_assign_may_choose_where_to_begin(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 20)

    def from_twelve(consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            partition.offset = 12 if partition.partition == 0 else kafka_rs.OFFSET_BEGINNING
        consumer.assign(partitions)

    consumer = cluster.consumer()
    consumer.subscribe([topic], on_assign=from_twelve)
    assert offsets(receive(consumer, 8)) == list(range(12, 20))


def test_on_revoke_may_commit(cluster: Cluster) -> None:
    topic, group = cluster.topic(), cluster.group()
    cluster.fill(topic, 10)
    committed: list[TopicPartition] = []
    consumer = cluster.consumer(**{"group.id": group, "enable.auto.commit": False})
    consumer.subscribe(
        [topic], on_revoke=lambda who, partitions: committed.extend(who.commit(asynchronous=False) or [])
    )
    receive(consumer, 6)
    consumer.close()
    assert [(partition.partition, partition.offset) for partition in committed if partition.offset > 0] == [(0, 6)]
    reader = cluster.consumer(**{"group.id": group})
    assert reader.committed([TopicPartition(topic, 0)], LIMIT)[0].offset == 6


@contextmanager
def trickle(cluster: Cluster, topic: str) -> Iterator[None]:
    """Messages that come one by one, all the time."""
    producer, over = cluster.producer(), threading.Event()

    def send() -> None:
        while not over.wait(0.005):
            producer.produce(topic, "v", partition=0)
            producer.poll(0)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_what_consume_has_is_given_before_a_revoke_is_told(cluster: Cluster) -> None:
    topic, group = cluster.topic(), cluster.group()
    told = []

    def assigned(consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if told:
            # What comes from now on came before.
            consumer.assign([])

    conf = {"group.id": group, "heartbeat.interval.ms": 100}
    first = cluster.consumer(**conf)
    first.subscribe([topic], on_assign=assigned, on_revoke=lambda _, partitions: told.append(partitions))
    with trickle(cluster, topic):
        receive(first, 10)
        cluster.consumer(topic, **conf)
        messages: list[Message] = []
        until(lambda: told, lambda: messages.__setitem__(slice(None), first.consume(1000, 0.5)))
        assert messages == []


def test_nothing_is_committed_that_consume_has_not_given(cluster: Cluster) -> None:
    topic = cluster.topic()
    conf = {"group.id": cluster.group(), "auto.commit.interval.ms": 10}
    consumer = cluster.consumer(topic, **conf)
    onlooker = cluster.consumer(**conf)
    given, over = 0, threading.Event()

    def consume() -> None:
        nonlocal given
        while not over.is_set():
            given += len(consumer.consume(1000, 1))

    with trickle(cluster, topic):
        thread = threading.Thread(target=consume)
        thread.start()
        looks = committed = 0
        try:
            while looks < 200 or committed <= 0:
                committed = onlooker.committed([TopicPartition(topic, 0)], LIMIT)[0].offset
                assert committed <= given
                looks += 1
        finally:
            over.set()
            thread.join()


def test_a_static_member_keeps_its_place_when_it_closes(cluster: Cluster) -> None:
    if cluster.mock is not None:
        pytest.skip("the mock cluster has no static members")
    topic, group = cluster.topic(), cluster.group()
    cluster.fill(topic, 1)
    told: list[tuple[str, str]] = []

    def member(name: str) -> Consumer:
        consumer = cluster.consumer(**{"group.id": group, "group.instance.id": name})
        consumer.subscribe(
            [topic],
            on_assign=lambda who, partitions: told.append((name, "assign")),
            on_revoke=lambda who, partitions: told.append((name, "revoke")),
        )
        return consumer

    one, other = member("one"), member("other")
    members = [one, other]

    def both_have_some() -> bool:
        return bool(one.assignment() and other.assignment())

    until(both_have_some, lambda: [who.poll(0.01) for who in members])
    told.clear()
    one.close()
    assert told == [("one", "revoke")]
    members[0] = one = member("one")
    until(both_have_some, lambda: [who.poll(0.01) for who in members])
    assert told == [("one", "revoke"), ("one", "assign")]


def test_an_exception_of_on_assign_leaves_poll_and_the_assignment_is_made(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 3)

    def fail(consumer: Consumer, partitions: list[TopicPartition]) -> None:
        raise ZeroDivisionError

    consumer = cluster.consumer()
    consumer.subscribe([topic], on_assign=fail)
    with pytest.raises(ZeroDivisionError):
        receive(consumer, 1)
    assert offsets(receive(consumer, 3)) == [0, 1, 2]


def test_callbacks_of_a_subscription_have_to_be_callable(mocked: Cluster) -> None:
    with pytest.raises(TypeError, match="on_assign expects a callable"):
        mocked.consumer().subscribe(["a"], on_assign=5)  # type: ignore[arg-type]


@pytest.mark.parametrize("strategy", ["range", "cooperative-sticky"])
def test_two_members_share_a_topic_and_each_message_comes_once(cluster: Cluster, strategy: str) -> None:
    topic, group = cluster.topic(), cluster.group()
    conf = {"group.id": group, "partition.assignment.strategy": strategy}
    seen: list[Message] = []
    owners: dict[Consumer, set[int]] = {}

    def gained(who: Consumer, partitions: list[TopicPartition]) -> None:
        owners[who].update(partition.partition for partition in partitions)

    def lost(who: Consumer, partitions: list[TopicPartition]) -> None:
        owners[who].difference_update(partition.partition for partition in partitions)

    def step() -> None:
        for consumer in owners:
            message = consumer.poll(0.05)
            if message is not None and message.error() is None:
                seen.append(message)

    for _ in range(2):
        consumer = cluster.consumer(**conf)
        owners[consumer] = set()
        consumer.subscribe([topic], on_assign=gained, on_revoke=lost)
        cluster.fill(topic, 1)
        until(lambda consumer=consumer: owners[consumer], step)
    until(lambda: sorted(map(len, owners.values())) == [2, 2], step)
    for partition in range(4):
        cluster.fill(topic, 50, partition)
    until(lambda: len({(m.partition(), m.offset()) for m in seen}) == 202, step)
    # The mock refuses commits during a rebalance, and gives what was not committed again.
    assert len(seen) == 202 or cluster.mock is not None


def test_the_member_id_is_there_once_it_is_a_member(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 1)
    consumer = cluster.consumer(topic)
    assert consumer.memberid() is None
    receive(consumer, 1)
    assert consumer.memberid()
    assert isinstance(consumer.consumer_group_metadata(), bytes)


def test_watermarks_are_the_first_offset_and_the_one_after_the_last(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 7)
    consumer = assigned(cluster, topic)
    place = TopicPartition(topic, 0)
    assert consumer.get_watermark_offsets(TopicPartition(topic, 1), cached=True) == (-1001, -1001)
    assert consumer.get_watermark_offsets(place, timeout=LIMIT) == (0, 7)
    receive(consumer, 7)
    assert consumer.get_watermark_offsets(place, cached=True)[1] == 7


def test_times_become_offsets(cluster: Cluster) -> None:
    topic = cluster.topic()
    producer = cluster.producer()
    for number in range(10):
        producer.produce(topic, "v", partition=0, timestamp=1_600_000_000_000 + number * 1000)
    producer.flush(LIMIT)
    consumer = cluster.consumer()
    if cluster.mock is not None:
        pytest.skip("the mock cluster does not know times")
    (found,) = consumer.offsets_for_times([TopicPartition(topic, 0, 1_600_000_003_500)], timeout=LIMIT)
    assert found.offset == 4


def test_the_cluster_tells_its_topics_and_brokers(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 1)
    for client in (cluster.consumer(), cluster.producer()):
        metadata = client.list_topics(timeout=LIMIT)
        assert topic in metadata.topics
        assert metadata.brokers and metadata.cluster_id
        one = client.list_topics(topic, timeout=LIMIT).topics[topic]
        assert sorted(one.partitions) == [0, 1, 2, 3]
        assert one.error is None and one.partitions[0].leader in metadata.brokers
        assert one.partitions[0].replicas == one.partitions[0].isrs == [one.partitions[0].leader]
        broker = metadata.brokers[one.partitions[0].leader]
        assert f"{broker.host}:{broker.port}" in cluster.servers


def test_a_cluster_that_does_not_answer_is_an_error_in_time() -> None:
    conf = {"bootstrap.servers": "127.0.0.1:1", "group.id": "g"}
    with Consumer(conf) as consumer:
        for call in (
            lambda: consumer.list_topics(timeout=0.3),
            lambda: consumer.committed([TopicPartition("a", 0)], timeout=0.3),
            lambda: consumer.offsets_for_times([TopicPartition("a", 0, 1)], timeout=0.3),
            lambda: consumer.get_watermark_offsets(TopicPartition("a", 0), timeout=0.3),
        ):
            with pytest.raises(KafkaException, match="Failed to get"):
                call()


def test_a_closed_consumer_refuses_all_of_it(mocked: Cluster) -> None:
    consumer = mocked.consumer()
    consumer.close()
    place = TopicPartition("a", 0, 1)
    calls: list[Any] = [consumer.unassign, consumer.assignment, consumer.memberid, consumer.consumer_group_metadata]
    calls += [consumer.list_topics, lambda: consumer.seek(place), lambda: consumer.get_watermark_offsets(place)]
    for name in ("assign", "incremental_assign", "incremental_unassign", "pause", "resume", "position", "committed"):
        calls.append(lambda name=name: getattr(consumer, name)([place]))
    calls += [lambda: consumer.store_offsets(offsets=[place]), lambda: consumer.offsets_for_times([place])]
    for call in calls:
        with pytest.raises(RuntimeError, match="closed"):
            call()


@pytest.mark.parametrize("ask", ["committed", "offsets_for_times", "list_topics", "get_watermark_offsets", "commit"])
def test_ctrl_c_ends_a_wait_for_a_broker(ask: str) -> None:
    consumer = Consumer({"bootstrap.servers": "127.0.0.1:1", "group.id": "g"})
    place = TopicPartition("a", 0, 1)
    calls: dict[str, Any] = {
        "committed": lambda: consumer.committed([place], LIMIT),
        "offsets_for_times": lambda: consumer.offsets_for_times([place], LIMIT),
        "list_topics": lambda: consumer.list_topics(timeout=LIMIT),
        "get_watermark_offsets": lambda: consumer.get_watermark_offsets(place, LIMIT),
        "commit": lambda: consumer.commit(offsets=[place], asynchronous=False),
    }
    main = threading.main_thread().ident
    assert main is not None
    threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGINT)).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        calls[ask]()
    assert time.monotonic() - start < 0.2 + 0.3
    consumer.close(0)
