"""Prints what comes from topics, until Ctrl-C.

python consumer.py SERVERS GROUP TOPIC...
"""

import sys

from kafka_rs import Consumer, TopicPartition


def show(what: str, partitions: list[TopicPartition]) -> None:
    names = ", ".join(f"{partition.topic}[{partition.partition}]" for partition in partitions)
    print(f"{what}: {names}", file=sys.stderr)


def main() -> None:
    servers, group, *topics = sys.argv[1:]
    conf = {"bootstrap.servers": servers, "group.id": group, "auto.offset.reset": "earliest"}
    # Leaving the block commits what was printed, and leaves the group.
    with Consumer(conf) as consumer:
        consumer.subscribe(
            topics,
            on_assign=lambda _, partitions: show("assigned", partitions),
            on_revoke=lambda _, partitions: show("revoked", partitions),
        )
        try:
            for message in consumer:
                error = message.error()
                if error is not None:
                    print(error, file=sys.stderr)
                    continue
                key, value = message.key() or b"", message.value() or b""
                print(f"[{message.partition()}]@{message.offset()} {key.decode()}: {value.decode()}", flush=True)
        except KeyboardInterrupt:
            print("stopping", file=sys.stderr)


if __name__ == "__main__":
    main()
