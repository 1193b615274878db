"""Producer: what is sent arrives, and is reported exactly once."""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

import pytest

from conftest import LIMIT, Cluster, receive, until
from kafka_rs import KafkaError, KafkaException, Message, Producer

NOWHERE = {"bootstrap.servers": "127.0.0.1:1"}


def test_what_is_produced_is_received_with_all_its_parts(cluster: Cluster) -> None:
    topic = cluster.topic()
    producer = cluster.producer()
    headers = [("a", b"1"), ("a", None), ("b", "text")]
    producer.produce(topic, "välue", key=b"key", partition=0, timestamp=1_600_000_000_123, headers=headers)
    producer.produce(topic, None, key=None, partition=0)
    producer.produce(topic, b"", key="", partition=0, headers={"x": "y"})
    assert producer.flush(LIMIT) == 0
    consumer = cluster.consumer(topic)
    first, second, third = receive(consumer, 3)
    assert (first.topic(), first.partition(), first.offset()) == (topic, 0, 0)
    assert (first.value(), first.key()) == ("välue".encode(), b"key")
    assert first.headers() == [("a", b"1"), ("a", None), ("b", b"text")]
    assert first.timestamp() == (1, 1_600_000_000_123)
    assert (first.error(), first.latency()) == (None, None)
    assert (second.value(), second.key(), second.headers()) == (None, None, None)
    assert (third.value(), third.key(), third.headers()) == (b"", b"", [("x", b"y")])
    assert abs(second.timestamp()[1] - time.time() * 1000) < 60_000


@pytest.mark.parametrize(
    "data", [bytearray(b"data"), memoryview(b"data"), memoryview(b"d-a-t-a")[::2], b"data", "data"]
)
def test_anything_with_bytes_can_be_sent(mocked: Cluster, data: Any) -> None:
    topic = mocked.topic()
    producer = mocked.producer()
    if isinstance(data, memoryview) and not data.contiguous:
        with pytest.raises(BufferError):
            producer.produce(topic, data)
        return
    producer.produce(topic, data, key=data)
    producer.flush(LIMIT)
    (message,) = receive(mocked.consumer(topic), 1)
    assert (message.value(), message.key()) == (b"data", b"data")


@pytest.mark.parametrize(
    ("arguments", "keywords"),
    [
        ((5,), {}),
        (("t", 5), {}),
        (("t",), {"key": 5}),
        (("t",), {"headers": 5}),
        (("t",), {"headers": [("a", 5)]}),
        (("t",), {"headers": ["a"]}),
        (("t",), {"headers": [(1, b"a")]}),
    ],
)
def test_what_is_no_message_is_a_type_error(arguments: Any, keywords: Any) -> None:
    with Producer(NOWHERE) as producer:
        with pytest.raises(TypeError):
            producer.produce(*arguments, **keywords)
        assert len(producer) == 0


def test_every_message_has_exactly_one_report(cluster: Cluster) -> None:
    topic = cluster.topic()
    producer = cluster.producer()
    seen: dict[bytes, int] = {}

    def told(error: KafkaError | None, message: Message) -> None:
        assert error is None, error
        seen[message.value() or b""] = seen.get(message.value() or b"", 0) + 1

    for number in range(5000):
        producer.produce(topic, str(number), on_delivery=told)
        producer.poll(0)
    assert producer.flush(LIMIT) == 0
    assert len(producer) == 0
    assert seen == {str(number).encode(): 1 for number in range(5000)}


def test_a_report_tells_where_the_message_went(cluster: Cluster) -> None:
    topic = cluster.topic()
    producer = cluster.producer()
    reports: list[tuple[KafkaError | None, Message]] = []
    producer.produce(
        topic, "v", key="k", partition=0, headers={"a": "b"}, callback=lambda *report: reports.append(report)
    )
    producer.flush(LIMIT)
    ((error, message),) = reports
    assert error is None and message.error() is None
    assert (message.topic(), message.partition(), message.offset()) == (topic, 0, 0)
    assert (message.value(), message.key(), message.headers()) == (b"v", b"k", None)
    assert 0 < (message.latency() or 0) < LIMIT


def test_callback_wins_over_on_delivery_which_wins_over_the_configuration(mocked: Cluster) -> None:
    topic = mocked.topic()
    told: list[str] = []
    producer = mocked.producer(on_delivery=lambda *_: told.append("conf"))
    producer.produce(topic, "a", partition=0)
    producer.flush(LIMIT)
    producer.produce(topic, "b", on_delivery=lambda *_: told.append("on_delivery"))
    producer.flush(LIMIT)
    producer.produce(
        topic, "c", callback=lambda *_: told.append("callback"), on_delivery=lambda *_: told.append("on_delivery")
    )
    producer.flush(LIMIT)
    assert told == ["conf", "on_delivery", "callback"]


def test_only_errors_are_told_if_the_program_wants_that(mocked: Cluster) -> None:
    topic = mocked.topic()
    told: list[KafkaError | None] = []
    conf = {"on_delivery": lambda error, _: told.append(error), "delivery.report.only.error": True}
    producer = mocked.producer(**conf)
    producer.produce(topic, "fine")
    assert producer.flush(LIMIT) == 0
    assert told == []
    producer = Producer(NOWHERE | conf)
    producer.produce(topic, "lost")
    producer.purge()
    assert producer.flush(LIMIT) == 0
    assert told == [KafkaError(KafkaError._PURGE_QUEUE)]


def test_a_full_queue_is_a_buffer_error_and_purged_messages_are_reported() -> None:
    told: list[KafkaError | None] = []
    producer = Producer(NOWHERE | {"queue.buffering.max.messages": 10})
    for _ in range(10):
        producer.produce("t", "v", on_delivery=lambda error, _: told.append(error))
    with pytest.raises(BufferError, match="Local: Queue full"):
        producer.produce("t", "v")
    assert len(producer) == 10
    assert producer.flush(0.05) == 10
    producer.purge()
    assert producer.flush(LIMIT) == 0
    assert told == [KafkaError(KafkaError._PURGE_QUEUE)] * 10
    assert producer.close() is True


def test_a_message_too_large_is_refused(mocked: Cluster) -> None:
    producer = mocked.producer()
    with pytest.raises(KafkaException, match="Unable to produce message") as refused:
        producer.produce(mocked.topic(), b"x" * 2_000_000, on_delivery=print)
    assert refused.value.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE
    assert len(producer) == 0


def test_what_a_callback_raises_leaves_poll_and_no_report_is_lost(mocked: Cluster) -> None:
    topic = mocked.topic()
    producer = mocked.producer()
    told: list[bytes | None] = []

    def fail(error: KafkaError | None, message: Message) -> None:
        told.append(message.value())
        raise ZeroDivisionError(message.value())

    for number in range(3):
        producer.produce(topic, str(number), partition=0, on_delivery=fail)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            producer.flush(LIMIT)
    assert producer.flush(LIMIT) == 0
    assert told == [b"0", b"1", b"2"]


def test_poll_returns_with_the_first_reports_and_counts_them(mocked: Cluster) -> None:
    topic = mocked.topic()
    producer = mocked.producer()
    told: list[Message] = []
    producer.produce(topic, "v", on_delivery=lambda _, message: told.append(message))
    start = time.monotonic()
    assert producer.poll(LIMIT) == 1 == len(told)
    assert time.monotonic() - start < LIMIT / 2
    assert producer.poll(0) == 0
    for timeout in (None, "soon"):
        with pytest.raises(TypeError):
            producer.poll(timeout)  # type: ignore[arg-type]


def test_a_callback_may_produce(mocked: Cluster) -> None:
    topic = mocked.topic()
    producer = mocked.producer()
    values: list[bytes | None] = []

    def again(error: KafkaError | None, message: Message) -> None:
        values.append(message.value())
        if len(values) < 3:
            producer.produce(topic, f"{len(values)}", on_delivery=again)

    producer.produce(topic, "0", on_delivery=again)
    assert producer.flush(LIMIT) == 0
    assert values == [b"0", b"1", b"2"]


def test_a_batch_goes_out_with_one_call_and_tells_what_was_refused(cluster: Cluster) -> None:
    topic = cluster.topic()
    producer = cluster.producer()
    told: list[bytes | None] = []
    batch: list[dict[str, Any]] = [
        {"value": "a", "key": "k", "timestamp": 1_600_000_000_000, "headers": {"h": "x"}},
        {"value": b"x" * 2_000_000},
        {"value": None, "key": b"z"},
        {"value": "d", "partition": 0, "callback": lambda *_: told.append(b"own")},
    ]
    assert producer.produce_batch(topic, batch, 0, on_delivery=lambda _, message: told.append(message.value())) == 3
    assert [message.get("_error") for message in batch] == [None, KafkaError(KafkaError.MSG_SIZE_TOO_LARGE), None, None]
    assert producer.flush(LIMIT) == 0
    assert told == [b"a", None, b"own"]
    first, second, third = receive(cluster.consumer(topic), 3)
    assert (first.value(), first.key(), first.headers()) == (b"a", b"k", [("h", b"x")])
    assert first.timestamp() == (1, 1_600_000_000_000)
    assert (second.value(), second.key(), second.headers()) == (None, b"z", None)
    assert third.value() == b"d"


def test_of_a_batch_that_does_not_fit_the_rest_is_told() -> None:
    producer = Producer(NOWHERE | {"queue.buffering.max.messages": 3})
    batch: list[dict[str, Any]] = [{"value": str(number)} for number in range(5)]
    assert producer.produce_batch("t", batch) == 3
    assert ["_error" in message for message in batch] == [False, False, False, True, True]
    assert batch[3]["_error"] == KafkaError._QUEUE_FULL
    producer.purge()
    producer.close()


@pytest.mark.parametrize(("batch", "text"), [(5, "list"), ([5], "index 0"), ([{"value": 5}], "index 0")])
def test_what_is_no_batch_is_a_type_error(batch: Any, text: str) -> None:
    with Producer(NOWHERE) as producer:
        with pytest.raises(TypeError, match=text):
            producer.produce_batch("t", batch)
        assert len(producer) == 0


def test_a_closed_producer_says_so(mocked: Cluster) -> None:
    producer = mocked.producer()
    assert producer.close() is True
    assert producer.close() is True
    for call in (lambda: producer.produce("t"), lambda: producer.poll(0), producer.flush, producer.purge):
        with pytest.raises(RuntimeError, match="Producer has been closed"):
            call()
    assert len(producer) == 0
    assert bool(producer)


def test_leaving_the_context_sends_what_is_queued(mocked: Cluster) -> None:
    topic = mocked.topic()
    told: list[KafkaError | None] = []
    with Producer({"bootstrap.servers": mocked.servers, "linger.ms": 500}) as producer:
        producer.produce(topic, "v", on_delivery=lambda error, _: told.append(error))
    assert told == [None]


def test_close_keeps_its_deadline_and_reports_what_was_not_sent() -> None:
    told: list[KafkaError | None] = []
    producer = Producer(NOWHERE)
    producer.produce("t", "v", on_delivery=lambda error, _: told.append(error))
    start = time.monotonic()
    assert producer.close(0.3) is False
    assert time.monotonic() - start < 3
    assert told == [KafkaError(KafkaError._PURGE_QUEUE)]


def test_threads_share_a_producer(mocked: Cluster) -> None:
    topic = mocked.topic()
    producer = mocked.producer()
    told: list[Message] = []

    def send() -> None:
        for number in range(500):
            producer.produce(topic, str(number), on_delivery=lambda _, message: told.append(message))
            producer.poll(0)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert producer.flush(LIMIT) == 0
    assert len(told) == 2000


def test_a_thread_that_polls_does_not_hold_up_one_that_produces(mocked: Cluster) -> None:
    topic = mocked.topic()
    producer = mocked.producer()
    told: list[Message] = []
    stop = threading.Event()

    def poll() -> None:
        while not stop.is_set():
            producer.poll(1.0)

    thread = threading.Thread(target=poll)
    thread.start()
    start = time.monotonic()
    for number in range(2000):
        producer.produce(topic, str(number), on_delivery=lambda _, message: told.append(message))
        producer.poll(0)
    assert producer.flush(LIMIT) == 0
    assert time.monotonic() - start < LIMIT / 2
    assert len(told) == 2000
    stop.set()
    thread.join(LIMIT)


@pytest.mark.parametrize("wait", ["poll", "flush"])
def test_ctrl_c_ends_a_wait(wait: str) -> None:
    producer = Producer(NOWHERE)
    producer.produce("t", "v")
    main = threading.main_thread().ident
    assert main is not None
    threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGINT)).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        getattr(producer, wait)(LIMIT)
    assert time.monotonic() - start < 0.2 + 0.3
    producer.purge()
    producer.close()


def test_errors_of_the_client_go_to_error_cb() -> None:
    errors: list[KafkaError] = []
    producer = Producer(NOWHERE | {"error_cb": errors.append})
    until(lambda: errors, lambda: producer.poll(0.5))
    assert errors[0].code() in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN)
    producer.close()


def test_statistics_go_to_stats_cb(mocked: Cluster) -> None:
    stats: list[str] = []
    producer = mocked.producer(stats_cb=stats.append, **{"statistics.interval.ms": 50})
    until(lambda: stats, lambda: producer.poll(0.5))
    assert '"client_id"' in stats[0]


def test_reports_can_be_told_by_the_list(cluster: Cluster) -> None:
    topic = cluster.topic()
    lists: list[list[Message]] = []
    single: list[Message] = []
    producer = cluster.producer(on_delivery_batch=lists.append)
    for number in range(3000):
        own = (lambda _, message: single.append(message)) if number % 1000 == 500 else None
        producer.produce(topic, str(number), partition=0, on_delivery=own)
    assert producer.flush(LIMIT) == 0
    told = [message for messages in lists for message in messages]
    assert all(message.error() is None for message in told)
    assert len(lists) < 300
    assert [message.value() for message in single] == [b"500", b"1500", b"2500"]
    values = {message.value() for message in told + single}
    assert (len(told), values) == (2997, {str(number).encode() for number in range(3000)})


def test_a_list_of_reports_tells_failures() -> None:
    lists: list[list[Message]] = []
    producer = Producer(NOWHERE | {"on_delivery_batch": lists.append, "delivery.report.only.error": True})
    producer.produce("t", "v")
    producer.purge()
    assert producer.flush(LIMIT) == 0
    ((message,),) = lists
    assert (message.error(), message.value()) == (KafkaError(KafkaError._PURGE_QUEUE), b"v")
    producer.close()
    with pytest.raises(ValueError, match="mutually exclusive"):
        Producer(NOWHERE | {"on_delivery_batch": print, "on_delivery": print})


def test_a_report_can_be_a_future(cluster: Cluster) -> None:
    topic = cluster.topic()
    producer = cluster.producer()
    reports = [producer.produce_future(topic, str(number), partition=0) for number in range(10)]
    cancelled = producer.produce_future(topic, "cancelled")
    cancelled.cancel()
    assert not reports[0].done()
    assert producer.flush(LIMIT) == 0
    assert [report.result(0).offset() for report in reports] == list(range(10))
    lost = Producer(NOWHERE)
    report = lost.produce_future("t", "v")
    lost.close(0)
    with pytest.raises(KafkaException) as failed:
        report.result(0)
    assert failed.value.args[0] == KafkaError._PURGE_QUEUE


def test_an_interrupt_while_futures_are_settled_loses_none(mocked: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = mocked.topic()
    producer = mocked.producer()
    settle, interrupts = producer._settle, 0

    def interrupted(futures: list[object], reports: list[Message]) -> None:
        nonlocal interrupts
        if len(futures) > 1:
            interrupts += 1
            settle(futures[:1], reports[:1])
            raise KeyboardInterrupt
        settle(futures, reports)

    monkeypatch.setattr(producer, "_settle", interrupted)
    reports = [producer.produce_future(topic, str(number)) for number in range(10)]
    left = len(reports)
    while left:
        try:
            left = producer.flush(LIMIT)
        except KeyboardInterrupt:
            continue
    assert interrupts > 0
    assert all(report.done() for report in reports)


def test_futures_are_told_of_success_and_beside_a_callback_that_raises(mocked: Cluster) -> None:
    topic = mocked.topic()
    producer = mocked.producer(**{"delivery.report.only.error": True})
    first = producer.produce_future(topic, "1")
    assert producer.flush(LIMIT) == 0
    assert first.result(0).value() == b"1"
    lost = Producer(NOWHERE)
    before = lost.produce_future("t", "before")

    def fail(error: object, message: object) -> None:
        raise ArithmeticError

    lost.produce("t", "v", on_delivery=fail)
    after = lost.produce_future("t", "after")
    lost.purge()
    with pytest.raises(ArithmeticError):
        lost.flush(LIMIT)
    assert before.done()
    assert lost.flush(LIMIT) == 0
    assert after.done()
    lost.close()
