"""Making, enlarging, deleting and listing topics."""

from .._cluster import BrokerMetadata, ClusterMetadata, PartitionMetadata, TopicMetadata
from ._client import AdminClient
from ._topics import NewPartitions, NewTopic

__all__ = [
    "AdminClient",
    "BrokerMetadata",
    "ClusterMetadata",
    "NewPartitions",
    "NewTopic",
    "PartitionMetadata",
    "TopicMetadata",
]
