"""A program to be killed, in three roles; go/member does the same.

member.py fill SERVERS TOPIC PARTITIONS COUNT      makes the topic and sends the numbers below COUNT
member.py read SERVERS TOPIC GROUP [KEY=VALUE]...  tells each message before it asks for the next: PARTITION OFFSET NUMBER;
                                                   and what it is given and gives up: + PARTITION..., - PARTITION...
                                                   A line of input, or its end: it leaves the group and ends.
member.py copy SERVERS FROM TO GROUP               doubles numbers, ten in a transaction, and tells how many were in each
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from kafka_rs import Consumer, KafkaError, Message, Producer, TopicPartition
from kafka_rs.admin import AdminClient, NewTopic

LIMIT = 60.0


def tell(*words: object) -> None:
    print(*words, flush=True)


def consumer(servers: str, group: str, **more: Any) -> Consumer:
    usual = {"auto.offset.reset": "earliest", "session.timeout.ms": 6000, "heartbeat.interval.ms": 200}
    if more.get("group.protocol") == "consumer":  # There the broker decides.
        usual = {"auto.offset.reset": "earliest"}
    return Consumer({"bootstrap.servers": servers, "group.id": group, **usual, **more})


def fill(servers: str, topic: str, partitions: str, count: str) -> None:
    for made in (
        AdminClient({"bootstrap.servers": servers}).create_topics([NewTopic(topic, int(partitions))]).values()
    ):
        made.result(LIMIT)
    with Producer({"bootstrap.servers": servers, "enable.idempotence": True}) as producer:
        reports = [
            producer.produce_future(topic, str(number), partition=number % int(partitions))
            for number in range(int(count))
        ]
        producer.flush(LIMIT)
        for report in reports:
            report.result(0)


def read(servers: str, topic: str, group: str, *settings: str) -> None:
    def assigned(_: Consumer, partitions: list[TopicPartition]) -> None:
        tell("+", *(place.partition for place in partitions))

    def revoked(_: Consumer, partitions: list[TopicPartition]) -> None:
        tell("-", *(place.partition for place in partitions))

    conf = dict(setting.split("=", 1) for setting in settings)
    pause = int(conf.pop("pause.ms", 0)) / 1000
    reader = consumer(servers, group, **{"auto.commit.interval.ms": 20, **conf})
    leaving = threading.Event()

    def await_end() -> None:
        sys.stdin.read()
        leaving.set()
        reader.wakeup()

    threading.Thread(target=await_end, daemon=True).start()
    reader.subscribe([topic], on_assign=assigned, on_revoke=revoked)
    while not leaving.is_set():
        message = reader.poll(1)
        if message is None:
            continue
        error = message.error()
        if error is None:
            tell(message.partition(), message.offset(), number_in(message))
            time.sleep(pause)
        elif error.code() == KafkaError._PARTITION_EOF:
            tell("=", message.partition())
    reader.close()


def number_in(message: Message) -> int:
    return int(bytes(message.value() or b""))


def copy(servers: str, source: str, target: str, group: str) -> None:
    producer = Producer({"bootstrap.servers": servers, "transactional.id": group})
    # A static member, for which the group does not wait after a kill.
    static = {"enable.auto.commit": False, "isolation.level": "read_committed", "group.instance.id": "copy"}
    reader = consumer(servers, group, **static)
    reader.subscribe([source])
    producer.init_transactions(LIMIT)
    while True:
        messages = [message for message in reader.consume(10, 0.2) if message.error() is None]
        producer.begin_transaction()
        following = {}
        for message in messages:
            producer.produce(target, str(2 * number_in(message)))
            partition, offset = message.partition() or 0, message.offset() or 0
            following[partition] = TopicPartition(source, partition, offset + 1)
        if following:
            metadata = reader.consumer_group_metadata()
            producer.send_offsets_to_transaction(list(following.values()), metadata, LIMIT)
        producer.commit_transaction(LIMIT)
        tell(len(messages))


if __name__ == "__main__":
    roles: dict[str, Callable[..., None]] = {"fill": fill, "read": read, "copy": copy}
    roles[sys.argv[1]](*sys.argv[2:])
