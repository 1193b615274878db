"""AdminClient."""

from __future__ import annotations

from typing import Any

from .._cluster import ClusterMetadata
from .._producer import Producer


class AdminClient:
    """Asks a cluster. Creating and deleting topics is not there yet.

    >>> AdminClient({"bootstrap.servers": "localhost:9092"}).list_topics(timeout=10).topics
    """

    def __init__(self, conf: dict[str, Any], **kwargs: Any) -> None:
        self._client = Producer(conf, **kwargs)

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
