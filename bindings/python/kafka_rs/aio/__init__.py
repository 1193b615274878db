"""Clients for asyncio: they wait on the core's readiness descriptor, on the running loop, with no thread in between.

>>> async with AIOConsumer({"bootstrap.servers": "localhost:9092", "group.id": "readers"}) as consumer:
...     await consumer.subscribe(["orders"])
...     async for message in consumer:
...         print(message.value())
"""

from .._native import DeliveryFuture
from ._consumer import AIOConsumer
from ._producer import AIOProducer

__all__ = ["AIOConsumer", "AIOProducer", "DeliveryFuture"]
