"""Kafka for Python: the API of confluent-kafka, on libkafka_rs.

A program that was written for confluent_kafka runs after ``import kafka_rs as confluent_kafka``. Beyond that there are
native asyncio (``kafka_rs.aio``), messages in Arrow columns (``Consumer.consume_arrow``), iteration, and a mock cluster
(``MockCluster``) for tests.
"""

from __future__ import annotations

import os as _os

from . import _native
from ._alias import as_confluent_kafka
from ._cluster import ThrottleEvent
from ._constants import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME, TIMESTAMP_NOT_AVAILABLE
from ._consumer import Consumer
from ._error import KafkaError, KafkaException
from ._mock import MockCluster
from ._model import (
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    ConsumerGroupType,
    ElectionType,
    IsolationLevel,
    Node,
    TopicCollection,
    TopicPartitionInfo,
)
from ._native import ArrowRows, Channel, ChannelClosed, Message, select
from ._partitioners import consistent, fnv1a, murmur2
from ._partitions import (
    OFFSET_BEGINNING,
    OFFSET_END,
    OFFSET_INVALID,
    OFFSET_STORED,
    TopicPartition,
    Uuid,
)
from ._producer import Producer
from ._serializing import DeserializingConsumer, SerializingProducer

__all__ = [
    "OFFSET_BEGINNING",
    "OFFSET_END",
    "OFFSET_INVALID",
    "OFFSET_STORED",
    "TIMESTAMP_CREATE_TIME",
    "TIMESTAMP_LOG_APPEND_TIME",
    "TIMESTAMP_NOT_AVAILABLE",
    "ArrowRows",
    "Channel",
    "ChannelClosed",
    "TopicPartitionInfo",
    "TopicCollection",
    "Node",
    "IsolationLevel",
    "ElectionType",
    "ConsumerGroupType",
    "ConsumerGroupTopicPartitions",
    "ConsumerGroupState",
    "Consumer",
    "DeserializingConsumer",
    "KafkaError",
    "KafkaException",
    "Message",
    "MockCluster",
    "Producer",
    "SerializingProducer",
    "ThrottleEvent",
    "TopicPartition",
    "Uuid",
    "as_confluent_kafka",
    "consistent",
    "fnv1a",
    "libversion",
    "murmur2",
    "select",
    "version",
]

__version__ = _native.version()


def version() -> str:
    """The version of this package."""
    return _native.version()


def libversion() -> tuple[str, int]:
    """The version of the librdkafka inside, as text and as number.

    >>> libversion()
    ('2.12.1', 34341375)
    """
    text = _native.librdkafka_version()
    major, minor, patch = (int(part) for part in text.split("-")[0].split("."))
    return text, major << 24 | minor << 16 | patch << 8 | 0xFF


_os.register_at_fork(after_in_child=_native._forked)
