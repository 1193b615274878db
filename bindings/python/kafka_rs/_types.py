"""Types of the values that programs pass and get."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from ._consumer import Consumer
    from ._error import KafkaError
    from ._native import Message
    from ._partitions import TopicPartition

Data = Union[str, bytes, bytearray, memoryview]
"""What can be sent."""

HeadersType = Union[dict[str, str | bytes | None], list[tuple[str, str | bytes | None]]]
"""Headers of a message to send. Received ones are a list with values of bytes."""

DeliveryCallback = Callable[["KafkaError | None", "Message"], None]
"""Called with the outcome of a message: None or an error, and the message."""

RebalanceCallback = Callable[["Consumer", "list[TopicPartition]"], None]
"""Called when the group gives or takes partitions."""
