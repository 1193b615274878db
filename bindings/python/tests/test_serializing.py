"""Serializers, and the clients that use them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conftest import LIMIT, Cluster
from kafka_rs import DeserializingConsumer, KafkaError, Message, SerializingProducer
from kafka_rs.error import (
    ConsumeError,
    KeySerializationError,
    ValueDeserializationError,
    ValueSerializationError,
)
from kafka_rs.serialization import (
    Deserializer,
    DoubleDeserializer,
    DoubleSerializer,
    IntegerDeserializer,
    IntegerSerializer,
    MessageField,
    SerializationContext,
    SerializationError,
    Serializer,
    StringDeserializer,
    StringSerializer,
)


@pytest.mark.parametrize(
    ("serializer", "deserializer", "value", "data"),
    [
        (DoubleSerializer(), DoubleDeserializer(), 1.5, bytes.fromhex("3ff8000000000000")),
        (IntegerSerializer(), IntegerDeserializer(), -2, bytes.fromhex("fffffffe")),
        (StringSerializer(), StringDeserializer(), "ä", "ä".encode()),
        (StringSerializer("utf_16_le"), StringDeserializer("utf_16_le"), "ä", "ä".encode("utf_16_le")),
    ],
)
def test_what_is_serialized_comes_back(
    serializer: Serializer, deserializer: Deserializer, value: Any, data: bytes
) -> None:
    assert serializer(value) == data
    assert deserializer(data) == value
    assert serializer(None) is None and deserializer(None) is None
    for call, wrong in ((serializer, object()), (deserializer, b"\xff\xff\xff")):
        with pytest.raises(SerializationError):
            call(wrong)


def test_objects_go_out_and_come_in(cluster: Cluster) -> None:
    topic = cluster.topic()
    contexts: list[tuple[str, MessageField, Any]] = []

    def dump(value: Any, ctx: SerializationContext) -> bytes:
        contexts.append((ctx.topic, ctx.field, ctx.headers))
        return json.dumps(value).encode()

    producer = SerializingProducer(
        {"bootstrap.servers": cluster.servers, "key.serializer": StringSerializer(), "value.serializer": dump}
    )
    reports: list[Message] = []
    producer.produce(topic, "key", {"a": 1}, 0, lambda _, message: reports.append(message), headers=[("h", b"x")])
    with pytest.raises(KeySerializationError) as key:
        producer.produce(topic, object(), {})
    assert key.value.code == KafkaError._KEY_SERIALIZATION and key.value.name == "_KEY_SERIALIZATION"
    with pytest.raises(ValueSerializationError):
        producer.produce(topic, "key", object())
    assert producer.flush(LIMIT) == 0
    producer.close()
    assert contexts[0] == (topic, MessageField.VALUE, [("h", b"x")])
    assert [message.value() for message in reports] == [b'{"a": 1}']

    conf = cluster.consumer_conf(
        **{"key.deserializer": StringDeserializer(), "value.deserializer": lambda data, ctx: json.loads(data)}
    )
    with DeserializingConsumer(conf) as consumer:
        consumer.subscribe([topic])
        message = consumer.poll(LIMIT)
        assert message is not None
        assert (message.key(), message.value(), message.offset()) == ("key", {"a": 1}, 0)


def test_consume_gives_objects_and_raises_for_what_is_none(cluster: Cluster) -> None:
    topic = cluster.topic()
    producer = cluster.producer()
    for value in ("1", "2", "broken", "4"):
        producer.produce(topic, value, partition=0)
    producer.flush(LIMIT)
    conf = cluster.consumer_conf(**{"value.deserializer": lambda data, ctx: int(data), "enable.partition.eof": True})
    with DeserializingConsumer(conf) as consumer:
        consumer.subscribe([topic])
        values: list[Any] = []
        errors: list[ConsumeError] = []
        while len(values) < 3 or not any(isinstance(error, ValueDeserializationError) for error in errors):
            try:
                values += [message.value() for message in consumer.consume(10, LIMIT)]
            except ConsumeError as error:
                errors.append(error)
        assert values == [1, 2, 4]
        (broken,) = [error for error in errors if isinstance(error, ValueDeserializationError)]
        assert isinstance(broken.exception, ValueError)
        assert broken.kafka_message is not None and broken.kafka_message.value() == b"broken"
        assert isinstance(broken, SerializationError)
