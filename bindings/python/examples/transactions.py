"""Copies a topic to another exactly once: messages and offsets go together, or not at all. Ends when nothing comes.

python transactions.py SERVERS SOURCE TARGET
"""

import sys

from kafka_rs import Consumer, KafkaError, KafkaException, Message, Producer


def copy(producer: Producer, consumer: Consumer, messages: list[Message], target: str) -> None:
    producer.begin_transaction()
    for message in messages:
        producer.produce(target, message.value(), key=message.key())
    positions = consumer.position(consumer.assignment())
    producer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata())
    while True:
        try:
            producer.commit_transaction()
            return
        except KafkaException as failure:
            error: KafkaError = failure.args[0]
            if error.retriable():
                continue
            if error.txn_requires_abort():
                producer.abort_transaction()
            # Another copy of this program has taken over, or the messages have to be read again: begin anew.
            raise


def main() -> None:
    servers, source, target = sys.argv[1:4]
    conf = {
        "bootstrap.servers": servers,
        "group.id": "copy",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
    with (
        Producer({"bootstrap.servers": servers, "transactional.id": f"copy-{source}"}) as producer,
        Consumer(conf, **{"enable.auto.commit": False}) as consumer,
    ):
        producer.init_transactions(30)
        consumer.subscribe([source])
        copied = 0
        while messages := [message for message in consumer.consume(1000, 10) if message.error() is None]:
            copy(producer, consumer, messages, target)
            copied += len(messages)
        print(copied, "messages")


if __name__ == "__main__":
    main()
