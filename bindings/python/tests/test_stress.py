"""Everything at once from several threads: no crash, no hang, no exception but those that are told of."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

from conftest import Cluster
from kafka_rs import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

SECONDS = 4.0


def hammer(calls: list[Callable[[], Any]], threads: int, end: Callable[[], None]) -> None:
    """Calls at random from several threads until time is up; then `end`, while they go on a little."""
    stop = time.monotonic() + SECONDS
    wrong: list[BaseException] = []

    def work(seed: int) -> None:
        choose = random.Random(seed)
        while time.monotonic() < stop + 0.5:
            try:
                choose.choice(calls)()
            except (KafkaException, BufferError):
                pass
            except RuntimeError as error:
                if "closed" not in str(error):
                    wrong.append(error)
            except BaseException as error:
                wrong.append(error)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(threads)]
    for worker in workers:
        worker.start()
    time.sleep(max(0.0, stop - time.monotonic()))
    end()
    for worker in workers:
        worker.join(30)
        assert not worker.is_alive()
    assert not wrong, wrong[0]


def test_a_consumer_survives_whatever_threads_do(cluster: Cluster) -> None:
    topic = cluster.topic()
    for partition in range(4):
        cluster.fill(topic, 3000, partition)
    consumer = cluster.consumer(topic, **{"enable.partition.eof": True, "statistics.interval.ms": 20})
    kept: list[Any] = []
    places = [TopicPartition(topic, number) for number in range(4)]

    def keep(thing: Any) -> None:
        kept.append(thing)
        if len(kept) > 50:
            del kept[: random.randrange(50)]

    def seek() -> None:
        consumer.seek(TopicPartition(topic, random.randrange(4), random.randrange(3000)))

    def rebalance() -> None:
        if random.random() < 0.05:
            consumer.subscribe([topic], on_assign=lambda who, partitions: who.assign(partitions))

    def columns() -> None:
        rows = consumer.consume_arrow(200, 0.01)
        rows.__arrow_c_array__()
        keep(rows)

    calls: list[Callable[[], Any]] = [
        lambda: keep(consumer.poll(0.01)),
        lambda: keep(consumer.poll(0)),
        lambda: keep(consumer.consume(100, 0.01)),
        columns,
        consumer.commit,
        seek,
        lambda: consumer.pause(random.sample(places, 2)),
        lambda: consumer.resume(places),
        lambda: consumer.position(places),
        consumer.assignment,
        consumer.wakeup,
        rebalance,
    ]
    hammer(calls, 6, consumer.close)
    for thing in kept:
        for message in thing if isinstance(thing, list) else [thing]:
            if isinstance(message, Message):
                assert (message.value() or b"v").startswith(b"v") or message.error() is not None


def test_a_producer_survives_whatever_threads_do_and_reports_each_message_once(cluster: Cluster) -> None:
    topic = cluster.topic()
    told: dict[str, int] = {}
    sent: set[str] = set()
    lock = threading.Lock()

    def produce() -> None:
        name = f"{threading.get_ident()}-{time.monotonic_ns()}-{random.random()}"

        def report(error: KafkaError | None, message: Message) -> None:
            with lock:
                told[name] = told.get(name, 0) + 1

        producer.produce(topic, name, key="k", headers={"a": "b"}, on_delivery=report)
        with lock:
            sent.add(name)

    producer = Producer({"bootstrap.servers": cluster.servers, "linger.ms": 1, "queue.buffering.max.messages": 500})
    calls: list[Callable[[], Any]] = [produce] * 20
    calls += [
        lambda: producer.poll(0),
        lambda: producer.poll(0.01),
        lambda: producer.flush(0.01),
        lambda: len(producer),
    ]
    calls.append(lambda: producer.purge() if random.random() < 0.02 else None)
    hammer(calls, 6, lambda: producer.close(10))
    assert len(sent) > 100
    assert {name: told.get(name) for name in sent} == dict.fromkeys(sent, 1)


def test_clients_come_and_go_in_all_threads(mocked: Cluster) -> None:
    def cycle() -> None:
        with Producer({"bootstrap.servers": mocked.servers}) as producer:
            producer.produce("stress", "v")
        consumer = Consumer(mocked.consumer_conf())
        consumer.subscribe(["stress"])
        consumer.poll(0.01)
        if random.random() < 0.5:
            consumer.close()

    hammer([cycle], 4, lambda: None)
