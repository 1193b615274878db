"""Small values of the cluster: nodes, groups, what to ask for."""

from __future__ import annotations

from enum import Enum

from . import _constants
from ._partitions import TopicPartition


class _Ordered(Enum):
    """Values of one kind compare by their numbers."""

    def __lt__(self, other: object) -> bool:
        return self.value < other.value if isinstance(other, type(self)) else NotImplemented


class ConsumerGroupState(_Ordered):
    """What a group is doing."""

    UNKNOWN = _constants.CONSUMER_GROUP_STATE_UNKNOWN
    UNKOWN = UNKNOWN
    PREPARING_REBALANCING = _constants.CONSUMER_GROUP_STATE_PREPARING_REBALANCE
    COMPLETING_REBALANCING = _constants.CONSUMER_GROUP_STATE_COMPLETING_REBALANCE
    STABLE = _constants.CONSUMER_GROUP_STATE_STABLE
    DEAD = _constants.CONSUMER_GROUP_STATE_DEAD
    EMPTY = _constants.CONSUMER_GROUP_STATE_EMPTY


class ConsumerGroupType(_Ordered):
    """The protocol of a group."""

    UNKNOWN = _constants.CONSUMER_GROUP_TYPE_UNKNOWN
    CONSUMER = _constants.CONSUMER_GROUP_TYPE_CONSUMER
    CLASSIC = _constants.CONSUMER_GROUP_TYPE_CLASSIC


class IsolationLevel(_Ordered):
    """Which offsets count."""

    READ_UNCOMMITTED = _constants.ISOLATION_LEVEL_READ_UNCOMMITTED
    READ_COMMITTED = _constants.ISOLATION_LEVEL_READ_COMMITTED


class ElectionType(_Ordered):
    """How a leader is elected."""

    PREFERRED = _constants.ELECTION_TYPE_PREFERRED
    UNCLEAN = _constants.ELECTION_TYPE_UNCLEAN


class Node:
    """A broker."""

    def __init__(self, id: int, host: str, port: int, rack: str | None = None) -> None:
        self.id = id
        self.id_string = str(id)
        self.host = host
        self.port = port
        self.rack = rack

    def __str__(self) -> str:
        rack = f"(Rack - {self.rack})" if self.rack else ""
        return f"({self.id}) {self.host}:{self.port} {rack}"


class ConsumerGroupTopicPartitions:
    """Partitions, in the eyes of a group."""

    def __init__(self, group_id: str, topic_partitions: list[TopicPartition] | None = None) -> None:
        self.group_id = group_id
        self.topic_partitions = topic_partitions


class TopicCollection:
    """Topics by their names."""

    def __init__(self, topic_names: list[str]) -> None:
        self.topic_names = topic_names


class TopicPartitionInfo:
    """A partition and its brokers."""

    def __init__(self, id: int, leader: Node, replicas: list[Node], isr: list[Node]) -> None:
        self.id = id
        self.leader = leader
        self.replicas = replicas
        self.isr = isr
