"""What a client of either kind can ask of its cluster, and its credentials."""

from __future__ import annotations

import array
import time
from typing import Any, Protocol

from . import _kinds, _native
from ._conf import Options
from ._error import KafkaError


class BrokerMetadata:
    """A broker: its id, host and port."""

    def __init__(self) -> None:
        self.id = -1
        self.host: str | None = None
        self.port = -1

    def __repr__(self) -> str:
        return f"BrokerMetadata({self.id}, {self.host}:{self.port})"

    def __str__(self) -> str:
        return f"{self.host}:{self.port}/{self.id}"


class PartitionMetadata:
    """A partition: its leader, replicas and replicas in sync, all as broker ids."""

    def __init__(self) -> None:
        self.id = -1
        self.leader = -1
        self.replicas: list[int] = []
        self.isrs: list[int] = []
        self.error: KafkaError | None = None

    def __repr__(self) -> str:
        return f"PartitionMetadata({self.id}" + (f", {self.error})" if self.error else ")")

    def __str__(self) -> str:
        return str(self.id)


class TopicMetadata:
    """A topic and its partitions by number."""

    def __init__(self) -> None:
        self.topic: str | None = None
        self.partitions: dict[int, PartitionMetadata] = {}
        self.error: KafkaError | None = None

    def __repr__(self) -> str:
        return f"TopicMetadata({self.topic}, {len(self.partitions)} partitions" + (
            f", {self.error})" if self.error else ")"
        )

    def __str__(self) -> str:
        return str(self.topic)


class ClusterMetadata:
    """What list_topics() gives: brokers by id, topics by name."""

    def __init__(self) -> None:
        self.cluster_id: str | None = None
        self.controller_id = -1
        self.brokers: dict[int, BrokerMetadata] = {}
        self.topics: dict[str, TopicMetadata] = {}
        self.orig_broker_id = -1
        self.orig_broker_name: str | None = None

    def __repr__(self) -> str:
        return f"ClusterMetadata({self.cluster_id})"

    def __str__(self) -> str:
        return str(self.cluster_id)


def _error(row: _kinds.Row) -> KafkaError | None:
    return KafkaError(row[2]) if row[2] else None


def _ids(packed: bytes | None) -> list[int]:
    return list(array.array("i", packed or b""))


def metadata(rows: list[_kinds.Row]) -> ClusterMetadata:
    """The objects of the rows of krs_cluster_metadata()."""
    cluster = ClusterMetadata()
    for row in rows:
        kind, name, number = row[0], row[3], row[4]
        if kind == _kinds.BROKER:
            broker = BrokerMetadata()
            broker.id, broker.host, broker.port = number, (row[8] or b"").decode(), row[5]
            cluster.brokers[number] = broker
        elif kind == _kinds.TOPIC and name is not None:
            topic = TopicMetadata()
            topic.topic, topic.error = name, _error(row)
            cluster.topics[name] = topic
        elif kind == _kinds.PARTITION and name is not None:
            partition = PartitionMetadata()
            partition.id, partition.leader, partition.error = number, row[5], _error(row)
            partition.replicas, partition.isrs = _ids(row[8]), _ids(row[9])
            cluster.topics[name].partitions[number] = partition
    return cluster


class _Core(Protocol):
    @property
    def _client(self) -> int: ...


class ClusterCalls:
    """The methods that producers and consumers share."""

    _options: Options

    def list_topics(self: _Core, topic: str | None = None, timeout: float = -1) -> ClusterMetadata:
        """The cluster's brokers and topics, or of a single topic, as one broker knows them.

        Raises KafkaException if no broker answers within ``timeout`` seconds (-1 = for ever).
        """
        start = time.monotonic()
        cluster = metadata(_native.cluster_metadata(self._client, topic, timeout))
        left = 5.0 if timeout < 0 else max(0.1, start + timeout - time.monotonic())
        cluster.cluster_id, cluster.controller_id = _native.cluster_identity(self._client, left)
        return cluster

    def set_sasl_credentials(self: _Core, username: str, password: str) -> None:
        """Sets the user and password of the next connections; those that are open stay open."""
        _native.client_set_sasl(self._client, username, password)


class ThrottleEvent:
    """Says that a broker delayed a request; given to ``throttle_cb``."""

    def __init__(self, broker_name: str, broker_id: int, throttle_time: float) -> None:
        self.broker_name = broker_name
        self.broker_id = broker_id
        self.throttle_time = throttle_time

    def __str__(self) -> str:
        return f"{self.broker_name}/{self.broker_id} throttled for {int(self.throttle_time * 1000)} ms"


def throttle_event(row: _kinds.Row) -> ThrottleEvent:
    """What ``throttle_cb`` is given."""
    return ThrottleEvent((row[8] or b"").decode("utf-8", "replace"), row[4], row[5] / 1000)


def refresh_token(client: int, options: Options, config: str) -> None:
    """Asks ``oauth_cb`` for a token, and gives it, or the reason why there is none, to the core."""
    callback = options.callbacks.get("oauth_cb")
    if callback is None:
        return
    try:
        token, expiry, principal, extensions = _token(callback(config))
        _native.client_set_token(client, token, int(expiry * 1000), principal, extensions)
    except Exception as error:
        _native.client_token_failed(client, str(error) or type(error).__name__)


def _token(answer: Any) -> tuple[str, float, str, list[tuple[str, str]]]:
    if not isinstance(answer, tuple) or not 2 <= len(answer) <= 4:
        raise TypeError("expected oauth_cb to return (token, expiry[, principal[, extensions]])")
    token, expiry, principal, extensions = (*answer, "", {})[:4] if len(answer) == 2 else (*answer, {})[:4]
    return token, float(expiry), principal or "", [(str(key), str(value)) for key, value in (extensions or {}).items()]
