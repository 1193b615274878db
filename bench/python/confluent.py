"""The ways to use the API of confluent_kafka, measured: ``confluent.py PACKAGE WAY name=value...``.

The package is confluent_kafka or kafka_rs.
"""

from __future__ import annotations

import importlib
import sys
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import confluent_aio
from work import HEADERS, Work, run

package: Any = importlib.import_module(sys.argv[1])


def consumer(work: Work) -> Any:
    made = package.Consumer(
        {
            "bootstrap.servers": work.servers,
            "group.id": uuid.uuid4().hex,
            "auto.offset.reset": "earliest",
            **work.consume,
        }
    )
    made.subscribe([work.topic])
    return made


def producer(work: Work, **conf: Any) -> Any:
    return package.Producer({"bootstrap.servers": work.servers, **work.produce, **conf})


# ---- consume ----


def measured(work: Work, take: Callable[[int], tuple[int, int]]) -> None:
    """Take some before the clock starts, and the rest after. ``take(n)`` gives how many it took and their bytes."""
    first, _ = take(work.warm_up + 1)
    work.start()
    work.result(*take(work.messages - first))


def poll(work: Work) -> None:
    made = consumer(work)
    extras = work.extras

    def take(wanted: int) -> tuple[int, int]:
        got = size = 0
        while got < wanted:
            message = made.poll(1.0)
            if message is None or message.error() is not None:
                continue
            size += len(message.value())
            if extras:
                message.key(), message.headers()
            got += 1
        return got, size

    measured(work, take)
    made.close()


def consume(work: Work) -> None:
    made = consumer(work)
    extras = work.extras

    def take(wanted: int) -> tuple[int, int]:
        got = size = 0
        while got < wanted:
            for message in made.consume(500, 1.0):
                if message.error() is not None:
                    continue
                size += len(message.value())
                if extras:
                    message.key(), message.headers()
                got += 1
        return got, size

    measured(work, take)
    made.close()


def arrow(work: Work) -> None:
    import pyarrow

    made = consumer(work)

    def take(wanted: int) -> tuple[int, int]:
        got = size = 0
        while got < wanted:
            rows = pyarrow.record_batch(made.consume_arrow(10_000, 1.0))
            got += rows.num_rows
            size += work.size * rows.num_rows
        return got, size

    measured(work, take)
    made.close()


def consumers(work: Work) -> None:
    """Many in one process, each in a group of its own: until each has read its share."""
    made = [consumer(work) for _ in range(work.clients)]
    share = work.messages // work.clients
    for one in made:
        got = 0
        while got < share:
            got += len(one.consume(500, 1.0))
    work.result(share * work.clients)
    work.finish()


# ---- produce ----


def send(made: Any, work: Work, value: bytes) -> None:
    while True:
        try:
            made.produce(work.topic, value)
            return
        except BufferError:
            made.poll(0.1)


def send_all(work: Work, made: Any, count: int, on_delivery: Any = None) -> None:
    """Each way calls produce() as programs write it: with `**` it would cost another dict."""
    topic, values, sent = work.topic, work.values, 0

    def plain() -> None:
        nonlocal sent
        start = sent
        for sent in range(start, count):
            made.produce(topic, values[sent & 1023])
            if sent % 1000 == 0:
                made.poll(0)

    def told() -> None:
        nonlocal sent
        start = sent
        for sent in range(start, count):
            made.produce(topic, values[sent & 1023], on_delivery=on_delivery)
            if sent % 1000 == 0:
                made.poll(0)

    def full() -> None:
        nonlocal sent
        start, key, headers = sent, b"key-1", HEADERS
        for sent in range(start, count):
            made.produce(topic, values[sent & 1023], key, on_delivery=on_delivery, headers=headers)
            if sent % 1000 == 0:
                made.poll(0)

    send = full if work.extras else told if on_delivery else plain
    while True:
        try:
            send()
            break
        except BufferError:
            made.poll(0.1)
    made.flush()


def measured_sends(work: Work, made: Any, on_delivery: Any = None) -> None:
    """Send some before the clock starts, and all after."""
    send_all(work, made, work.warm_up, on_delivery)
    work.start()
    send_all(work, made, work.messages, on_delivery)
    work.result(work.messages)


def produce(work: Work) -> None:
    measured_sends(work, producer(work))


def produce_told(work: Work) -> None:
    count = 0

    def told(error: Any, message: Any) -> None:
        nonlocal count
        assert error is None
        count += 1

    measured_sends(work, producer(work), on_delivery=told)
    assert count == work.warm_up + work.messages


def produce_told_lists(work: Work) -> None:
    count = 0

    def told(messages: Any) -> None:
        nonlocal count
        for message in messages:
            assert message.error() is None
            count += 1

    measured_sends(work, producer(work, on_delivery_batch=told))
    assert count == work.warm_up + work.messages


def produce_batch(work: Work) -> None:
    made = producer(work)

    def send_batches(count: int) -> None:
        for i in range(0, count, 500):
            messages = [{"value": work.values[n & 1023]} for n in range(i, min(i + 500, count))]
            while len(messages) > (done := made.produce_batch(work.topic, messages)):
                messages = [message for message in messages if "_error" in message]
                assert len(messages) > done or made.poll(0.1) is not None
            made.poll(0)
        made.flush()

    send_batches(work.warm_up)
    work.start()
    send_batches(work.messages)
    work.result(work.messages)


def threads(work: Work) -> None:
    """Many threads share one producer."""
    made = producer(work)
    share = work.messages // work.threads

    def send_share() -> None:
        for i in range(share):
            send(made, work, work.values[i & 1023])

    senders = [threading.Thread(target=send_share) for _ in range(work.threads)]
    work.start()
    for sender in senders:
        sender.start()
    while any(sender.is_alive() for sender in senders):
        made.poll(0.05)
    made.flush()
    work.result(share * work.threads)


# ---- latency, and a client that does nothing ----


def latency(work: Work) -> None:
    made, reader = producer(work), consumer(work)

    def send_due(value: bytes, i: int) -> None:
        send(made, work, value)
        made.poll(0)

    def receive() -> list[bytes]:
        message = reader.poll(1.0)
        return [message.value()] if message is not None and message.error() is None else []

    send_due(bytes(work.size), 0)
    while not (values := receive()):
        pass
    work.note(values)
    work.start()
    threading.Thread(target=work.send_at_rate, args=(send_due,), daemon=True).start()
    while len(work.delays) < work.messages:
        work.note(receive())
    work.latency_result()
    work.finish()


def idle(work: Work) -> None:
    work.start()
    made = producer(work)
    time.sleep(2)
    work.result(0)
    del made


WAYS = {
    way.__name__: way
    for way in (
        poll,
        consume,
        arrow,
        consumers,
        produce,
        produce_told,
        produce_told_lists,
        produce_batch,
        threads,
        latency,
        idle,
    )
}

if __name__ == "__main__":
    run({**WAYS, **confluent_aio.ways(package)}, sys.argv[2:])
