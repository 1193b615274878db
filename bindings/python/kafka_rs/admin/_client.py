"""AdminClient."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from .. import _kinds, _native
from .._cluster import ClusterMetadata
from .._error import KafkaError, KafkaException
from .._producer import Producer
from ._topics import NewPartitions, NewTopic


class AdminClient:
    """Makes, enlarges, deletes and lists topics.

    >>> admin = AdminClient({"bootstrap.servers": "localhost:9092"})
    >>> for topic, made in admin.create_topics([NewTopic("orders", 6, 3)]).items():
    ...     made.result()

    What takes a while gives a future for each topic: its result is None, or it raises KafkaException.
    ``request_timeout`` is in seconds; ``operation_timeout`` is taken for compatibility: a request ends when the brokers
    have answered.
    """

    def __init__(self, conf: dict[str, Any], **kwargs: Any) -> None:
        self._client = Producer(conf, **kwargs)

    def create_topics(
        self,
        new_topics: list[NewTopic],
        *,
        operation_timeout: float = 0,
        request_timeout: float = -1,
        validate_only: bool = False,
    ) -> dict[str, Future[None]]:
        """Makes topics. With ``validate_only`` it only finds out whether that would be possible."""
        _check(new_topics, NewTopic)
        topics = []
        for new in new_topics:
            config = [text for pair in (new.config or {}).items() for text in map(str, pair)]
            each, brokers = _replicas(new.replica_assignment, new.replication_factor)
            topics.append((new.topic, new.num_partitions, each, config, brokers))
        names = [new.topic for new in new_topics]
        return _later(
            self._client,
            names,
            lambda client: _native.admin_topics(client, False, topics, validate_only, request_timeout),
        )

    def create_partitions(
        self,
        new_partitions: list[NewPartitions],
        *,
        operation_timeout: float = 0,
        request_timeout: float = -1,
        validate_only: bool = False,
    ) -> dict[str, Future[None]]:
        """Gives topics more partitions."""
        _check(new_partitions, NewPartitions)
        topics = []
        for new in new_partitions:
            each, brokers = _replicas(new.replica_assignment, -1)
            topics.append((new.topic, new.new_total_count, each, list[str](), brokers))
        names = [new.topic for new in new_partitions]
        return _later(
            self._client,
            names,
            lambda client: _native.admin_topics(client, True, topics, validate_only, request_timeout),
        )

    def delete_topics(
        self, topics: list[str], *, operation_timeout: float = 0, request_timeout: float = -1
    ) -> dict[str, Future[None]]:
        """Deletes topics."""
        _check(topics, str)
        return _later(self._client, topics, lambda client: _native.admin_delete_topics(client, topics, request_timeout))

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> ClusterMetadata:
        """See Producer.list_topics()."""
        return self._client.list_topics(topic, timeout)

    def set_sasl_credentials(self, username: str, password: str) -> None:
        """See Producer.set_sasl_credentials()."""
        self._client.set_sasl_credentials(username, password)

    def poll(self, timeout: float = -1) -> int:
        """Calls back for errors and statistics."""
        return self._client.poll(timeout)

    def __len__(self) -> int:
        return len(self._client)


def _check(items: Sequence[object], kind: type) -> None:
    if not isinstance(items, list):
        raise TypeError(f"expected a list of {kind.__name__}")
    for item in items:
        if not isinstance(item, kind):
            raise TypeError(f"expected a list of {kind.__name__}, not {type(item).__name__}")
    names = [item if isinstance(item, str) else item.topic for item in items]
    if not names:
        raise ValueError("no topics given")
    if len(set(names)) < len(names):
        raise ValueError("a topic is named more than once")


def _replicas(assignment: list[list[int]] | None, replication: int) -> tuple[int, list[int]]:
    """How many brokers each partition has, and the brokers of one partition after the other, if they were named."""
    if not assignment:
        return replication, []
    each = len(assignment[0])
    if each == 0 or any(len(brokers) != each for brokers in assignment):
        raise ValueError("replica_assignment: expected the same number of brokers for every partition")
    return each, [broker for brokers in assignment for broker in brokers]


def _later(client: Producer, names: list[str], ask: Callable[[int], list[_kinds.Row]]) -> dict[str, Future[None]]:
    """Asks on a thread, which does not keep the program from ending, and settles a future for each topic."""
    handle = client._client
    futures: dict[str, Future[None]] = {name: Future() for name in names}
    for future in futures.values():
        future.set_running_or_notify_cancel()

    def run(_: Producer) -> None:
        try:
            rows = {row[3]: row for row in ask(handle)}
        except Exception as error:
            for future in futures.values():
                future.set_exception(error)
            return
        for name, future in futures.items():
            row = rows.get(name)
            if row is None:
                future.set_exception(KafkaException(KafkaError(KafkaError._FAIL, "the brokers said nothing of it")))
            elif row[2]:
                future.set_exception(KafkaException(KafkaError(row[2], _kinds.text(row) or None)))
            else:
                future.set_result(None)

    # The program may let its AdminClient go before the answer is there.
    threading.Thread(target=run, args=(client,), name="kafka_rs-admin", daemon=True).start()
    return futures
