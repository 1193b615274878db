"""Does what load.c does, with the Python client: the command line, the commands and the counts are the same."""

from __future__ import annotations

import json
import os
import select
import sys
import threading
import time
from typing import Any

from kafka_rs import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from kafka_rs.admin import AdminClient, NewTopic

LIMIT = 120.0
COUNTS = "sent reports acked failed received again duplicated gaps wild errors seeks joins"


class Member:
    """A member of the group, and the thread that receives for it."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.leaving = False
        usual = {
            "group.id": load.topic,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": 10000,
            "heartbeat.interval.ms": 1000,
            "auto.commit.interval.ms": 500,
            "error_cb": load.note_error,
        }
        self.consumer = Consumer(load.conf("consumer.", usual))
        self.consumer.subscribe([load.topic])
        self.thread = threading.Thread(target=self._take)
        self.thread.start()

    def _take(self) -> None:
        while not self.leaving:
            for message in self.consumer.consume(1000):
                if message.error() is None:
                    self.load.count(message)
                else:
                    self.load.note_error(message.error())
            if self is self.load.members[0] and self.load.seek:
                self.load.seek = False
                self._seek_back()

    def _seek_back(self) -> None:
        """Goes back by 500 messages in one partition, whose next message must be the one asked for."""
        assigned = self.consumer.assignment()
        at = self.consumer.position(assigned[:1])[0].offset if assigned else -1
        if at <= 0:
            return
        to = TopicPartition(self.load.topic, assigned[0].partition, max(0, at - 500))
        try:
            self.consumer.seek(to)
        except KafkaException:
            return  # A rebalance took the partition meanwhile.
        self.load.counts["seeks"] += 1
        while (message := self.consumer.poll(5)) is not None:
            if message.error() is not None:
                continue
            self.load.count(message)
            if message.partition() == to.partition:
                self.load.counts["wild"] += message.offset() != to.offset
                return

    def end_wait(self) -> None:
        self.leaving = True
        self.consumer.wakeup()
        self.thread.join()

    def leave(self) -> None:
        self.end_wait()
        self.consumer.close(60)


class Load:
    """A producer and a group, and what they count."""

    def __init__(self, servers: str, topic: str, partitions: str, rate: str, *settings: str) -> None:
        self.servers, self.topic, self.settings = servers, topic, settings
        self.partitions, self.rate = int(partitions), float(rate)
        self.counts = dict.fromkeys(COUNTS.split(), 0)
        self.last_error = ""
        self.lock = threading.Lock()
        #: Of each partition: the number that is due, and where the last one stood.
        self.places = [[0, -1] for _ in range(self.partitions)]
        self.members: list[Member | None] = [None, None]
        self.seek = self.stopping = self.giving_up = False

    def conf(self, prefix: str, usual: dict[str, Any]) -> dict[str, Any]:
        mine = (each.removeprefix(prefix) for each in self.settings if each.startswith(prefix))
        return {
            "bootstrap.servers": self.servers,
            **usual,
            **dict(each.split("=", 1) for each in mine),
        }

    def note_error(self, error: KafkaError | None) -> None:
        self.counts["errors"] += 1
        self.last_error = str(error)

    # ---- sending ----

    def open_producer(self) -> None:
        usual = {"enable.idempotence": True, "linger.ms": 5, "message.timeout.ms": 300000}
        conf = self.conf("producer.", {**usual, "error_cb": self.note_error})
        self.producer = Producer(conf)
        admin = AdminClient({"bootstrap.servers": self.servers})
        for made in admin.create_topics([NewTopic(self.topic, self.partitions)]).values():
            made.result(60)

    def told(self, error: KafkaError | None, _: Message) -> None:
        self.counts["reports"] += 1
        self.counts["failed" if error else "acked"] += 1

    def send_on(self) -> None:
        start = time.monotonic()
        number = 0
        while not self.stopping:
            value = b"%-100d" % (number // self.partitions)
            if not self.send(value, number % self.partitions):
                return
            self.counts["sent"] += 1
            number += 1
            start = self.pace(start, number)
        while not self.giving_up:
            self.producer.poll(0.05)

    def send(self, value: bytes, partition: int) -> bool:
        while not self.giving_up:
            try:
                self.producer.produce(self.topic, value, partition=partition, on_delivery=self.told)
                return True
            except BufferError:
                self.producer.poll(0.05)
        return False

    def pace(self, start: float, number: int) -> float:
        """Waits until the message is due; after a stall it does not catch up in a burst."""
        if not self.rate:
            self.producer.poll(0)
            return start
        while number > (time.monotonic() - start) * self.rate and not self.stopping and not self.giving_up:
            self.producer.poll(0.001)
        if number < (time.monotonic() - start - 1) * self.rate:
            return time.monotonic() - number / self.rate
        return start

    # ---- receiving ----

    def count(self, message: Message) -> None:
        number, offset = int(bytes(message.value() or b"")), message.offset()
        with self.lock:
            place = self.places[message.partition()]
            if offset <= place[1]:
                self.counts["again"] += 1  # After a seek, or of another member that had not committed.
            elif number < place[0]:
                self.counts["duplicated"] += 1
            else:
                self.counts["gaps"] += number - place[0]
                place[0] = number + 1
                self.counts["received"] += 1
            place[1] = max(place[1], offset)

    def join(self, number: int) -> None:
        self.members[number] = Member(self)
        self.counts["joins"] += 1

    # ---- the end ----

    def print(self, **more: Any) -> None:
        print(json.dumps({**self.counts, "error": self.last_error, **more}), flush=True)

    def drain(self) -> None:
        self.producer.flush(LIMIT)
        end, before = time.monotonic() + LIMIT, -1
        counts = self.counts
        while time.monotonic() < end and (
            counts["received"] < counts["acked"] or counts["reports"] < counts["sent"]
        ):
            if counts["received"] != before:
                before, end = (
                    counts["received"],
                    time.monotonic() + LIMIT,
                )  # As long as there is progress.
                self.print()
            time.sleep(0.01)

    def finish(self, sender: threading.Thread, deadline: float) -> None:
        start = time.monotonic()
        self.giving_up = True
        present = [member for member in self.members if member]
        for member in present:
            member.end_wait()
        sender.join()
        cancelled = time.monotonic() - start
        slowest = 0.0
        for client in [*(member.consumer for member in present), self.producer]:
            start = time.monotonic()
            client.close(deadline)
            slowest = max(slowest, time.monotonic() - start)
        self.print(cancel_ms=round(cancelled * 1000), close_ms=round(slowest * 1000), final=True)

    def obey(self) -> None:
        self.open_producer()
        self.join(0)
        sender = threading.Thread(target=self.send_on)
        sender.start()
        while True:
            ready, _, _ = select.select([sys.stdin], [], [], 0.2)
            words = sys.stdin.readline().split() if ready else ["none"]
            if not words:
                os._exit(3)  # The driver is gone, and threads may wait.
            if words[0] == "join" and self.members[1] is None:
                self.join(1)
            elif words[0] == "leave" and self.members[1]:
                self.members[1].leave()
                self.members[1] = None
            elif words[0] == "seek":
                self.seek = True
            elif words[0] == "stop":
                self.stopping = True
                self.drain()
                return self.finish(sender, 10)
            elif words[0] == "close":
                return self.finish(sender, int(words[1]) / 1000)
            self.print()


if __name__ == "__main__":
    Load(*sys.argv[1:]).obey()
