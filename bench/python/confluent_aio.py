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


async def poll(package: Any, work: Work) -> None:
    made = await consumer(package, work)
    while (message := await made.poll(1.0)) is None or message.error() is not None:
        pass
    work.start()
    got = 0
    while got < work.messages - 1:
        message = await made.poll(1.0)
        if message is None or message.error() is not None:
            continue
        message.value()
        got += 1
    work.result(got)
    work.finish()


async def consume(package: Any, work: Work) -> None:
    made = await consumer(package, work)
    while not (first := len(await made.consume(500, 1.0))):
        pass
    work.start()
    got = 0
    while first + got < work.messages:
        for message in await made.consume(500, 1.0):
            if message.error() is None:
                message.value()
                got += 1
    work.result(got)
    work.finish()


async def produce(package: Any, work: Work) -> None:
    aio = importlib.import_module(f"{package.__name__}.aio")
    made = aio.AIOProducer({"bootstrap.servers": work.servers, **work.produce})
    work.start()
    for start in range(0, work.messages, AT_ONCE):
        some = range(start, min(start + AT_ONCE, work.messages))
        reports = [await made.produce(work.topic, value=work.values[i & 1023]) for i in some]
        if package.__name__ == "confluent_kafka":  # Its own batches wait, otherwise.
            await made.flush()
        await asyncio.gather(*reports)
    work.result(work.messages)
    work.finish()


def ways(package: Any) -> dict[str, Callable[[Work], None]]:
    """By name, as functions that run a loop."""

    def start(way: Callable[[Any, Work], Coroutine[Any, Any, None]], work: Work) -> None:
        asyncio.run(way(package, work))

    return {f"aio_{way.__name__}": partial(start, way) for way in (poll, consume, produce)}
