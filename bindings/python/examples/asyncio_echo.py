"""Answers every message of one topic with another on a second topic, on one asyncio loop, until Ctrl-C.

python asyncio_echo.py SERVERS SOURCE TARGET
"""

import asyncio
import contextlib
import sys

from kafka_rs import Message
from kafka_rs.aio import AIOConsumer, AIOProducer


async def echo(servers: str, source: str, target: str) -> None:
    conf = {"bootstrap.servers": servers, "group.id": "echo", "auto.offset.reset": "earliest"}
    async with AIOProducer({"bootstrap.servers": servers}) as producer, AIOConsumer(conf) as consumer:
        await consumer.subscribe([source])
        waiting: set[asyncio.Future[Message]] = set()
        async for message in consumer:
            if message.error() is not None:
                continue
            report = await producer.produce(target, message.value(), key=message.key())
            waiting.add(report)
            report.add_done_callback(waiting.discard)
            report.add_done_callback(lambda done: print("echoed to offset", done.result().offset(), flush=True))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(echo(*sys.argv[1:4]))
