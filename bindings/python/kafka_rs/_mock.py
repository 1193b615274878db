"""A Kafka cluster inside the process, for tests and demonstrations."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from . import _native


class MockCluster(_native.MockCore):
    """A Kafka cluster inside this process, on ports of 127.0.0.1.

    >>> with MockCluster() as cluster:
    ...     cluster.create_topic("orders", partitions=2)
    ...     producer = Producer({"bootstrap.servers": cluster.bootstrap_servers()})

    It makes topics by itself (4 partitions), keeps at most 5 MiB and 100,000 messages of a partition, and does not keep
    Kafka's promises on transactions.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        exc_traceback: TracebackType | None,
    ) -> None:
        self.close()
