"""aiokafka, measured: ``aio_kafka.py WAY name=value...``."""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from work import Work, run

AT_ONCE = 20_000  # Reports that are awaited together.
# Settings of librdkafka in the words of this client, as far as the driver uses them.
PRODUCE: dict[str, Callable[[str], dict[str, Any]]] = {
    "linger.ms": lambda value: {"linger_ms": int(value), "max_batch_size": 1_000_000},
    "compression.type": lambda value: {"compression_type": None if value == "none" else value},
    "acks": lambda value: {"acks": value},
    "enable.idempotence": lambda value: {"enable_idempotence": value == "true"},
    "queue.buffering.max.messages": lambda value: {},
}
CONSUME: dict[str, Callable[[str], dict[str, Any]]] = {
    "enable.auto.commit": lambda value: {"enable_auto_commit": value == "true"},
    "check.crcs": lambda value: {"check_crcs": value == "true"},
    "fetch.queue.backoff.ms": lambda value: {},
}


def options(words: dict[str, Callable[[str], dict[str, Any]]], settings: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= words[name](value)
    return found


async def consumer(work: Work) -> AIOKafkaConsumer:
    made = AIOKafkaConsumer(
        work.topic,
        bootstrap_servers=work.servers,
        group_id=uuid.uuid4().hex,
        auto_offset_reset="earliest",
        **options(CONSUME, work.consume),
    )
    await made.start()
    return made


async def measured(work: Work, take: Callable[[int], Coroutine[Any, Any, int]]) -> None:
    """Take some before the clock starts, and the rest after."""
    first = await take(work.warm_up + 1)
    work.start()
    work.result(await take(work.messages - first))
    work.finish()


async def consume(work: Work) -> None:
    made = await consumer(work)

    async def take(wanted: int) -> int:
        got = 0
        while got < wanted:
            taken = await made.getmany(timeout_ms=1000, max_records=500)
            for messages in taken.values():
                for message in messages:
                    if message.value is not None:
                        got += 1
        return got

    await measured(work, take)


async def poll(work: Work) -> None:
    made = await consumer(work)

    async def take(wanted: int) -> int:
        for _ in range(wanted):
            await made.getone()
        return wanted

    await measured(work, take)


async def producer(work: Work) -> AIOKafkaProducer:
    made = AIOKafkaProducer(bootstrap_servers=work.servers, **options(PRODUCE, work.produce))
    await made.start()
    return made


async def produce(work: Work) -> None:
    made = await producer(work)

    async def send_all(count: int) -> None:
        for start in range(0, count, AT_ONCE):
            some = range(start, min(start + AT_ONCE, count))
            await asyncio.gather(*[await made.send(work.topic, work.values[i & 1023]) for i in some])

    await send_all(work.warm_up)
    work.start()
    await send_all(work.messages)
    work.result(work.messages)
    work.finish()


async def send_at_rate(work: Work, made: AIOKafkaProducer) -> None:
    start = time.monotonic_ns()
    for i in range(work.messages):
        due = work.due(i, start)
        wait = due - time.monotonic_ns()
        if wait > 0:
            await asyncio.sleep(wait / 1e9)
        await made.send(work.topic, work.stamped(i, due))


async def latency(work: Work) -> None:
    made, reader = await producer(work), await consumer(work)
    await made.send(work.topic, bytes(work.size))
    work.note([(await reader.getone()).value])
    work.start()
    sender = asyncio.create_task(send_at_rate(work, made))
    while len(work.delays) < work.messages:
        work.note([(await reader.getone()).value])
    await sender
    work.latency_result()
    work.finish()


def start(way: Callable[[Work], Coroutine[Any, Any, None]], work: Work) -> None:
    asyncio.run(way(work))


if __name__ == "__main__":
    run({way.__name__: partial(start, way) for way in (consume, poll, produce, latency)}, sys.argv[1:])
