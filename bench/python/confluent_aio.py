"""The same with asyncio: ``AIOConsumer`` and ``AIOProducer``."""

from __future__ import annotations

import asyncio
import importlib
import uuid
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from work import Work

AT_ONCE = 20_000  # Reports that are awaited together.


async def consumer(package: Any, work: Work) -> Any:
    aio = importlib.import_module(f"{package.__name__}.aio")
    made = aio.AIOConsumer(
        {
            "bootstrap.servers": work.servers,
            "group.id": uuid.uuid4().hex,
            "auto.offset.reset": "earliest",
            **work.consume,
        }
    )
    await made.subscribe([work.topic])
    return made


async def measured(work: Work, take: Callable[[int], Coroutine[Any, Any, int]]) -> None:
    """Take some before the clock starts, and the rest after."""
    first = await take(work.warm_up + 1)
    work.start()
    work.result(await take(work.messages - first))
    work.finish()


async def poll(package: Any, work: Work) -> None:
    made = await consumer(package, work)

    async def take(wanted: int) -> int:
        got = 0
        while got < wanted:
            message = await made.poll(1.0)
            if message is None or message.error() is not None:
                continue
            message.value()
            got += 1
        return got

    await measured(work, take)


async def consume(package: Any, work: Work) -> None:
    made = await consumer(package, work)

    async def take(wanted: int) -> int:
        got = 0
        while got < wanted:
            for message in await made.consume(500, 1.0):
                if message.error() is None:
                    message.value()
                    got += 1
        return got

    await measured(work, take)


async def produce(package: Any, work: Work) -> None:
    aio = importlib.import_module(f"{package.__name__}.aio")
    made = aio.AIOProducer({"bootstrap.servers": work.servers, **work.produce})

    async def send_all(count: int) -> None:
        for start in range(0, count, AT_ONCE):
            some = range(start, min(start + AT_ONCE, count))
            reports = [await made.produce(work.topic, value=work.values[i & 1023]) for i in some]
            if package.__name__ == "confluent_kafka":  # Its own batches wait, otherwise.
                await made.flush()
            await asyncio.gather(*reports)

    await send_all(work.warm_up)
    work.start()
    await send_all(work.messages)
    work.result(work.messages)
    work.finish()


def ways(package: Any) -> dict[str, Callable[[Work], None]]:
    """By name, as functions that run a loop."""

    def start(way: Callable[[Any, Work], Coroutine[Any, Any, None]], work: Work) -> None:
        asyncio.run(way(package, work))

    return {f"aio_{way.__name__}": partial(start, way) for way in (poll, consume, produce)}
