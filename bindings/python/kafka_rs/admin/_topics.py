"""Topics and partitions to be made."""

from __future__ import annotations

from collections.abc import Mapping


class _Request:
    """Requests compare by what they say."""

    def _key(self) -> tuple[object, ...]:
        return tuple(vars(self).values())

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, type(self)) else NotImplemented

    def __lt__(self, other: object) -> bool:
        return repr(self) < repr(other) if isinstance(other, type(self)) else NotImplemented

    __hash__ = None  # type: ignore[assignment]


class NewTopic(_Request):
    """A topic to be created."""

    def __init__(
        self,
        topic: str,
        num_partitions: int = -1,
        replication_factor: int = -1,
        replica_assignment: list[list[int]] | None = None,
        config: Mapping[str, str] | None = None,
    ) -> None:
        self.topic = topic
        self.num_partitions = num_partitions
        self.replication_factor = replication_factor
        self.replica_assignment = replica_assignment
        self.config = dict(config) if config is not None else None

    def __repr__(self) -> str:
        return f"NewTopic(topic={self.topic},num_partitions={self.num_partitions})"


class NewPartitions(_Request):
    """A number of partitions that a topic is to have."""

    def __init__(self, topic: str, new_total_count: int, replica_assignment: list[list[int]] | None = None) -> None:
        self.topic = topic
        self.new_total_count = new_total_count
        self.replica_assignment = replica_assignment

    def __repr__(self) -> str:
        return f"NewPartitions(topic={self.topic},new_total_count={self.new_total_count})"
