"""Does what press.c does, with the Python client: the command line and the counts are the same.

The senders are tasks: what waits for room is produce() of asyncio.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from typing import Any

from kafka_rs import Consumer, KafkaException, Message
from kafka_rs.admin import AdminClient, NewTopic
from kafka_rs.aio import AIOProducer

PACE = 0.002
BODY = b"x" * 1000
PRODUCER = {
    "enable.idempotence": True,
    "linger.ms": 50,
    "queue.buffering.max.kbytes": 16384,
    "message.timeout.ms": 300000,
}
CONSUMER = {
    "auto.offset.reset": "earliest",
    "queued.max.messages.kbytes": 4096,
    "krs.held.max.kbytes": 4096,
    "fetch.message.max.bytes": 262144,
}


class Press:
    def __init__(self, servers: str, topic: str, partitions: str, senders: str) -> None:
        self.servers, self.topic, self.partitions = servers, topic, int(partitions)
        self.shares = [0] * int(senders)
        self.reports = self.acked = self.received = 0
        self.stopping = False

    async def send_on(self, producer: AIOProducer, sender: int) -> None:
        while not self.stopping:
            partition = self.shares[sender] % self.partitions
            report = await producer.produce(self.topic, BODY, partition=partition)
            self.shares[sender] += 1
            report.add_done_callback(self.told)

    def told(self, report: asyncio.Future[Message]) -> None:
        self.reports += 1
        self.acked += report.exception() is None

    def take_rows(self, consumer: Consumer) -> None:
        consumer.subscribe([self.topic])
        while not self.stopping:
            message = consumer.poll(1)
            if message is not None and message.error() is None:
                self.received += 1
                time.sleep(PACE)

    def obey(self) -> None:
        for line in sys.stdin:
            if line.startswith("stop"):
                self.stopping = True
                return
        os._exit(3)  # The driver is gone.

    def print(self, **more: Any) -> None:
        counts = {"sent": sum(self.shares), "reports": self.reports, "acked": self.acked}
        print(json.dumps({"shares": self.shares, **counts, "received": self.received, **more}), flush=True)

    async def run(self) -> None:
        admin = AdminClient({"bootstrap.servers": self.servers})
        for made in admin.create_topics([NewTopic(self.topic, self.partitions)]).values():
            made.result(60)
        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": self.topic, **CONSUMER})
        producer = AIOProducer({"bootstrap.servers": self.servers, **PRODUCER})
        receiver = threading.Thread(target=self.take_rows, args=(consumer,))
        receiver.start()
        threading.Thread(target=self.obey, daemon=True).start()
        senders = [asyncio.create_task(self.send_on(producer, i)) for i in range(len(self.shares))]
        while not self.stopping:
            self.print()
            await asyncio.sleep(0.2)
        await asyncio.wait_for(asyncio.gather(*senders), 60)
        receiver.join()
        start = time.monotonic()
        consumer.close(10)
        await producer.close(5)  # What is left is purged.
        await asyncio.sleep(0)
        self.print(close_ms=round(1000 * (time.monotonic() - start)), final=True)


if __name__ == "__main__":
    try:
        asyncio.run(Press(*sys.argv[1:]).run())
    except KafkaException as failed:
        sys.exit(str(failed))
