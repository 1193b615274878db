"""Sends lines from standard input to a topic.

python producer.py SERVERS TOPIC
"""

import sys

from kafka_rs import KafkaError, Message, Producer


def told(error: KafkaError | None, message: Message) -> None:
    """Called once for each message, by poll(), flush() or close()."""
    if error is not None:
        print(f"lost: {message.value()!r}: {error}", file=sys.stderr)
    else:
        print(f"{message.topic()}[{message.partition()}]@{message.offset()}")


def main() -> None:
    servers, topic = sys.argv[1:3]
    # Leaving the block sends what is queued.
    with Producer({"bootstrap.servers": servers}) as producer:
        for line in sys.stdin:
            while True:
                try:
                    producer.produce(topic, line.rstrip("\n"), on_delivery=told)
                    break
                except BufferError:
                    # The queue is full: reports make room.
                    producer.poll(1)
            producer.poll(0)


if __name__ == "__main__":
    main()
