"""TopicPartition and Uuid: small values that many calls take or give."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from ._constants import OFFSET_BEGINNING, OFFSET_END, OFFSET_INVALID, OFFSET_STORED

if TYPE_CHECKING:
    from ._error import KafkaError

__all__ = ["OFFSET_BEGINNING", "OFFSET_END", "OFFSET_INVALID", "OFFSET_STORED", "TopicPartition", "Uuid"]


class TopicPartition:
    """A partition, and with it an offset, the metadata of a commit, a leader epoch, or an error.

    Two are equal, and sort, by topic and partition. ``partition`` and ``offset`` can be assigned.

    >>> TopicPartition("orders", 3, 42).offset
    42
    """

    __slots__ = ("_error", "_leader_epoch", "_metadata", "_topic", "offset", "partition")

    def __init__(
        self,
        topic: str,
        partition: int = -1,
        offset: int = OFFSET_INVALID,
        metadata: str | None = None,
        leader_epoch: int | None = None,
    ) -> None:
        if not isinstance(topic, str):
            raise TypeError(f"topic must be str, not {type(topic).__name__}")
        self._topic = topic
        self.partition = partition
        self.offset = offset
        self._metadata = metadata
        self._leader_epoch = leader_epoch if leader_epoch is not None and leader_epoch >= 0 else None
        self._error: KafkaError | None = None

    @classmethod
    def _of(
        cls,
        topic: str,
        partition: int,
        offset: int,
        metadata: str | None,
        leader_epoch: int,
        error: KafkaError | None,
    ) -> TopicPartition:
        new = cls(topic, partition, offset, metadata, leader_epoch)
        new._error = error
        return new

    @property
    def topic(self) -> str:
        """The topic's name."""
        return self._topic

    @property
    def metadata(self) -> str | None:
        """What was, or will be, stored with a committed offset."""
        return self._metadata

    @property
    def leader_epoch(self) -> int | None:
        """The epoch of the offset, or None."""
        return self._leader_epoch

    @property
    def error(self) -> KafkaError | None:
        """What went wrong with this partition, or None."""
        return self._error

    def _key(self) -> tuple[str, int]:
        return self._topic, self.partition

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TopicPartition):
            return NotImplemented
        return self._key() == other._key()

    def __lt__(self, other: TopicPartition) -> bool:
        return self._key() < other._key() if isinstance(other, TopicPartition) else NotImplemented

    def __le__(self, other: TopicPartition) -> bool:
        return self._key() <= other._key() if isinstance(other, TopicPartition) else NotImplemented

    def __gt__(self, other: TopicPartition) -> bool:
        return self._key() > other._key() if isinstance(other, TopicPartition) else NotImplemented

    def __ge__(self, other: TopicPartition) -> bool:
        return self._key() >= other._key() if isinstance(other, TopicPartition) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._topic) ^ self.partition

    def __repr__(self) -> str:
        return (
            f"TopicPartition{{topic={self._topic},partition={self.partition},offset={self.offset},"
            f"leader_epoch={self._leader_epoch},error={self._error}}}"
        )


class Uuid:
    """Kafka's id of a topic: 128 bits, written in base 64.

    >>> str(Uuid(1, 2))
    'AAAAAAAAAAEAAAAAAAAAAg'
    """

    __slots__ = ("_least", "_most")

    def __init__(self, most_significant_bits: int, least_significant_bits: int) -> None:
        self._most = most_significant_bits
        self._least = least_significant_bits

    def get_most_significant_bits(self) -> int:
        """The upper 64 bits, signed."""
        return self._most

    def get_least_significant_bits(self) -> int:
        """The lower 64 bits, signed."""
        return self._least

    def _bytes(self) -> bytes:
        mask = (1 << 64) - 1
        return (self._most & mask).to_bytes(8, "big") + (self._least & mask).to_bytes(8, "big")

    def __int__(self) -> int:
        return int.from_bytes(self._bytes(), "big")

    def __eq__(self, other: object) -> bool:
        return self._bytes() == other._bytes() if isinstance(other, Uuid) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._bytes())

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(self._bytes()).decode().rstrip("=")

    __repr__ = __str__
