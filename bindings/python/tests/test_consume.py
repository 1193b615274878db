"""Consumer: what it gives, when, and what counts as delivered."""

from __future__ import annotations

import logging
import pickle
import signal
import threading
import time
from typing import Any

import pytest

from conftest import LIMIT, Cluster, receive, until
from kafka_rs import Consumer, KafkaError, KafkaException, Message, TopicPartition


def values(messages: list[Message]) -> list[bytes | None]:
    return [message.value() for message in messages]


def test_messages_come_in_order_and_once(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 3000)
    messages = receive(cluster.consumer(topic), 3000)
    assert values(messages) == [f"v{number}".encode() for number in range(3000)]
    assert [message.offset() for message in messages] == list(range(3000))


def test_a_slow_program_that_commits_each_message_gets_each_once(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 300)
    consumer = cluster.consumer(topic, **{"enable.auto.commit": False})
    messages: list[Message] = []
    for _ in range(60):
        messages += receive(consumer, 5)
        time.sleep(0.001)
        consumer.commit(message=messages[-1])
    assert [message.offset() for message in messages] == list(range(300))


def test_a_message_outlives_its_consumer(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 10)
    consumer = cluster.consumer(topic)
    messages = receive(consumer, 10)
    consumer.close()
    del consumer
    assert values(messages) == [f"v{number}".encode() for number in range(10)]
    assert pickle.loads(pickle.dumps(messages[3])) == messages[3]


def test_consume_gives_as_many_as_it_is_asked_for(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 100)
    consumer = cluster.consumer(topic)
    first = receive(consumer, 1)
    assert values(first + consumer.consume(60, LIMIT)) == [f"v{number}".encode() for number in range(61)]
    assert values(consumer.consume(1, LIMIT)) == [b"v61"]
    assert values(receive(consumer, 1)) == [b"v62"]
    # Fewer than asked for: those that are there, soon after they came.
    start = time.monotonic()
    assert values(consumer.consume(1000, LIMIT)) == [f"v{number}".encode() for number in range(63, 100)]
    assert time.monotonic() - start < LIMIT / 2


def test_consume_refuses_what_is_no_number_of_messages(mocked: Cluster) -> None:
    consumer = mocked.consumer()
    for number in (-1, 1_000_001):
        with pytest.raises(ValueError, match="num_messages must be between 0 and 1000000"):
            consumer.consume(number, 0)
    assert consumer.consume(0, 0) == []
    assert consumer.consume(5, 0) == []


def test_poll_returns_none_when_time_is_up(mocked: Cluster) -> None:
    consumer = mocked.consumer()
    start = time.monotonic()
    assert consumer.poll(0) is None
    assert time.monotonic() - start < 0.2
    assert consumer.poll(0.3) is None
    assert 0.3 <= time.monotonic() - start < 1.5
    for timeout in (None, "soon"):
        with pytest.raises(TypeError):
            consumer.poll(timeout)  # type: ignore[arg-type]


def test_the_end_of_a_partition_comes_as_a_message_with_an_error(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 2)
    consumer = cluster.consumer(topic, **{"enable.partition.eof": True})
    message = None
    # The other partitions are empty, so their ends come first.
    while message is None or message.error() is None or message.partition() != 0:
        message = consumer.poll(LIMIT)
        assert message is not None
    error = message.error()
    assert error is not None and error == KafkaError._PARTITION_EOF
    assert (message.topic(), message.partition(), message.offset()) == (topic, 0, 2)
    assert error.str().encode() == message.value()


def test_iteration_gives_messages_until_wakeup(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 20)
    consumer = cluster.consumer(topic)
    messages = []
    for message in consumer:
        assert message.error() is None
        messages.append(message)
        if len(messages) == 20:
            threading.Timer(0.1, consumer.wakeup).start()
    assert values(messages) == [f"v{number}".encode() for number in range(20)]


def test_iteration_ends_when_another_thread_closes(mocked: Cluster) -> None:
    consumer = mocked.consumer(mocked.topic())
    threading.Timer(0.2, consumer.close).start()
    assert list(consumer) == []
    assert list(consumer) == []


def test_wakeup_ends_a_wait_at_once(mocked: Cluster) -> None:
    consumer = mocked.consumer(mocked.topic())
    consumer.wakeup()
    start = time.monotonic()
    assert consumer.poll(LIMIT) is None
    threading.Timer(0.1, consumer.wakeup).start()
    assert consumer.consume(10, LIMIT) == []
    assert 0.1 <= time.monotonic() - start < 2


def test_what_was_delivered_is_committed_and_no_more(cluster: Cluster) -> None:
    topic, group = cluster.topic(), cluster.group()
    cluster.fill(topic, 100)
    first = cluster.consumer(topic, **{"group.id": group, "enable.auto.commit": False})
    receive(first, 10)
    first.commit(asynchronous=False)
    receive(first, 20)
    first.close()
    # The 20 were not committed; of the rest, which was fetched, nothing was either.
    second = cluster.consumer(topic, **{"group.id": group})
    assert values(receive(second, 1)) == [b"v10"]


def test_close_commits_what_was_delivered_and_no_more(cluster: Cluster) -> None:
    topic, group = cluster.topic(), cluster.group()
    cluster.fill(topic, 100)
    with Consumer(cluster.consumer_conf(**{"group.id": group})) as first:
        first.subscribe([topic])
        receive(first, 7)
        assert values(first.consume(5, LIMIT)) == [f"v{number}".encode() for number in range(7, 12)]
    second = cluster.consumer(topic, **{"group.id": group})
    assert values(receive(second, 1)) == [b"v12"]


def test_nothing_to_commit_is_an_error_when_it_is_waited_for(mocked: Cluster) -> None:
    consumer = mocked.consumer()
    assert consumer.commit() is None
    with pytest.raises(KafkaException) as nothing:
        consumer.commit(asynchronous=False)
    assert nothing.value.args[0] == KafkaError._NO_OFFSET


def test_on_commit_is_told_of_asynchronous_commits(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 5)
    told: list[tuple[KafkaError | None, list[TopicPartition]]] = []
    consumer = cluster.consumer(
        topic, on_commit=lambda error, partitions: told.append((error, partitions)), **{"enable.auto.commit": False}
    )
    receive(consumer, 5)
    consumer.commit()
    until(lambda: told, lambda: consumer.poll(0.5))
    ((error, partitions),) = told
    assert error is None
    (partition,) = [partition for partition in partitions if partition.offset >= 0]
    assert (partition.topic, partition.partition, partition.offset, partition.error) == (topic, 0, 5, None)


def test_the_keyword_async_is_understood(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 1)
    consumer = cluster.consumer(topic, **{"enable.auto.commit": False})
    receive(consumer, 1)
    consumer.commit(**{"async": False})
    with pytest.raises(TypeError, match="unexpected keyword"):
        consumer.commit(sync=True)
    with pytest.raises(ValueError, match="mutually exclusive"):
        consumer.commit(message=Message(), offsets=[])


@pytest.mark.parametrize("topics", ["a", ("a",), {"a"}])
def test_topics_are_a_list(mocked: Cluster, topics: Any) -> None:
    with pytest.raises(TypeError, match="expected list of topic unicode strings"):
        mocked.consumer().subscribe(topics)


def test_a_pattern_subscribes_to_what_it_matches(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 3)
    consumer = cluster.consumer(f"^{topic[:-1]}.$", **{"topic.metadata.refresh.interval.ms": 500})
    assert values(receive(consumer, 3)) == [b"v0", b"v1", b"v2"]


def test_after_unsubscribe_nothing_comes(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 1000)
    consumer = cluster.consumer(topic)
    receive(consumer, 1)
    consumer.unsubscribe()
    # What the group takes away is gone once the revocation was served.
    end = time.monotonic() + 1.0
    late = []
    while time.monotonic() < end:
        message = consumer.poll(0.1)
        if message is not None:
            late.append((time.monotonic(), message))
    assert not [at for at, _ in late if at > end - 0.5]


def test_what_a_callback_raises_leaves_poll_and_no_message_is_lost(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 500)
    calls: list[str] = []

    def fail(stats: str) -> None:
        calls.append(stats)
        raise ZeroDivisionError

    consumer = cluster.consumer(topic, stats_cb=fail, **{"statistics.interval.ms": 20})
    raised = 0
    messages: list[Message] = []
    end = time.monotonic() + LIMIT
    while (len(messages) < 500 or not raised) and time.monotonic() < end:
        try:
            message = consumer.poll(0.2)
        except ZeroDivisionError:
            raised += 1
            continue
        if message is not None and message.error() is None:
            messages.append(message)
    assert values(messages) == [f"v{number}".encode() for number in range(500)]
    assert raised == len(calls) > 0


def test_a_callback_may_call_the_consumer(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 50)
    inner: list[Message] = []

    def take(stats: str) -> None:
        message = consumer.poll(0)
        if message is not None and message.error() is None:
            inner.append(message)
        consumer.commit()

    consumer = cluster.consumer(topic, stats_cb=take, **{"statistics.interval.ms": 10})
    outer: list[Message] = []
    until(
        lambda: len(inner) + len(outer) == 50,
        lambda: outer.extend(m for m in [consumer.poll(0.1)] if m is not None and m.error() is None),
    )
    assert sorted(m.offset() or 0 for m in inner + outer) == list(range(50))


def test_a_closed_consumer_says_so(mocked: Cluster) -> None:
    consumer = mocked.consumer()
    consumer.close()
    consumer.close()
    calls = [lambda: consumer.poll(0), consumer.consume, consumer.consume_arrow, consumer.commit, consumer.unsubscribe]
    calls += [lambda: consumer.subscribe(["a"]), consumer.wakeup]
    for call in calls:
        with pytest.raises(RuntimeError, match="Consumer closed"):
            call()


def test_close_returns_though_a_thread_waits(mocked: Cluster) -> None:
    consumer = mocked.consumer(mocked.topic())
    results: list[object] = []

    def wait() -> None:
        try:
            results.append(consumer.poll(-1))
        except RuntimeError as error:
            results.append(str(error))

    thread = threading.Thread(target=wait)
    thread.start()
    assert thread.is_alive()
    start = time.monotonic()
    consumer.close()
    thread.join(LIMIT)
    assert time.monotonic() - start < 5
    assert results in ([None], ["Consumer closed"])


def test_threads_share_a_consumer(cluster: Cluster) -> None:
    topic = cluster.topic()
    for partition in range(2):
        cluster.fill(topic, 1000, partition)
    consumer = cluster.consumer(topic)
    messages: list[Message] = []
    lock = threading.Lock()

    def read() -> None:
        while True:
            message = consumer.poll(0.2)
            with lock:
                if message is not None and message.error() is None:
                    messages.append(message)
                if len(messages) == 2000:
                    return

    threads = [threading.Thread(target=read, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert len({(m.partition(), m.offset()) for m in messages}) == 2000


@pytest.mark.parametrize("wait", ["poll", "consume", "consume_arrow", "next"])
def test_ctrl_c_ends_a_wait(mocked: Cluster, wait: str) -> None:
    consumer = mocked.consumer(mocked.topic())
    calls = {
        "poll": lambda: consumer.poll(-1),
        "consume": lambda: consumer.consume(10, LIMIT),
        "consume_arrow": lambda: consumer.consume_arrow(10, LIMIT),
        "next": lambda: next(consumer),
    }
    main = threading.main_thread().ident
    assert main is not None
    threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGINT)).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        calls[wait]()
    assert time.monotonic() - start < 0.2 + 0.3


def test_other_threads_run_while_one_waits(mocked: Cluster) -> None:
    consumer = mocked.consumer(mocked.topic())
    thread = threading.Thread(target=consumer.poll, args=(1.0,))
    thread.start()
    start, turns = time.monotonic(), 0
    while thread.is_alive():
        turns += 1
    assert turns > 1000 and time.monotonic() - start > 0.5


def test_log_lines_go_to_logging_or_to_the_logger_given(
    mocked: Cluster, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, "kafka_rs")
    consumer = mocked.consumer(mocked.topic(), debug="cgrp", **{"client.id": "logs"})
    until(lambda: caplog.records, lambda: consumer.poll(0.1))
    consumer.close()
    assert "[logs#consumer" in caplog.records[0].getMessage()
    caplog.clear()

    lines: list[tuple[Any, ...]] = []

    class Logger:
        def log(self, level: int, *line: Any) -> None:
            lines.append((level, *line))

    consumer = mocked.consumer(mocked.topic(), debug="cgrp", logger=Logger())
    until(lambda: lines, lambda: consumer.poll(0.1))
    consumer.close()
    assert lines[0][:2] == (logging.DEBUG, "%s [%s] %s")
    assert not caplog.records
    assert capfd.readouterr().err == ""


def test_errors_of_the_client_go_to_error_cb_and_not_to_poll() -> None:
    errors: list[KafkaError] = []
    with Consumer({"bootstrap.servers": "127.0.0.1:1", "group.id": "g", "error_cb": errors.append}) as consumer:
        consumer.subscribe(["a"])
        until(lambda: errors, lambda: consumer.poll(0.2))
        assert consumer.poll(0.2) is None
    assert {error.code() for error in errors} <= {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN}


def test_a_topic_that_does_not_exist_is_a_message_with_an_error(cluster: Cluster) -> None:
    if cluster.mock is not None:
        pytest.skip("the mock makes every topic")
    consumer = cluster.consumer("no-such-topic", **{"allow.auto.create.topics": False})
    message = consumer.poll(LIMIT)
    assert message is not None
    error = message.error()
    assert error is not None and error == KafkaError.UNKNOWN_TOPIC_OR_PART
    assert "no-such-topic" in error.str()
