"""Errors of the clients that serialize and deserialize."""

from __future__ import annotations

from ._error import KafkaError, KafkaException
from ._native import Message
from .serialization import SerializationError

__all__ = [
    "ConsumeError",
    "KafkaError",
    "KafkaException",
    "KeyDeserializationError",
    "KeySerializationError",
    "ProduceError",
    "ValueDeserializationError",
    "ValueSerializationError",
]


class _KafkaClientError(KafkaException):
    """A KafkaError with the exception behind it and the message that it is about."""

    def __init__(
        self,
        kafka_error: KafkaError,
        exception: Exception | None = None,
        kafka_message: Message | None = None,
    ) -> None:
        super().__init__(kafka_error)
        self.exception = exception
        self.kafka_message = kafka_message

    @property
    def code(self) -> int:
        """The number of the error."""
        error: KafkaError = self.args[0]
        return error.code()

    @property
    def name(self) -> str:
        """Its name."""
        error: KafkaError = self.args[0]
        return error.name()


class ConsumeError(_KafkaClientError):
    """A message could not be consumed; ``kafka_message`` is what was received."""


class KeyDeserializationError(ConsumeError, SerializationError):
    """A key could not be deserialized."""

    def __init__(self, exception: Exception | None = None, kafka_message: Message | None = None) -> None:
        error = KafkaError(KafkaError._KEY_DESERIALIZATION, str(exception))
        super().__init__(error, exception, kafka_message)


class ValueDeserializationError(ConsumeError, SerializationError):
    """A value could not be deserialized."""

    def __init__(self, exception: Exception | None = None, kafka_message: Message | None = None) -> None:
        error = KafkaError(KafkaError._VALUE_DESERIALIZATION, str(exception))
        super().__init__(error, exception, kafka_message)


class ProduceError(_KafkaClientError):
    """A message could not be produced."""

    def __init__(self, kafka_error: KafkaError, exception: Exception | None = None) -> None:
        super().__init__(kafka_error, exception)


class KeySerializationError(ProduceError, SerializationError):
    """A key could not be serialized."""

    def __init__(self, exception: Exception | None = None) -> None:
        super().__init__(KafkaError(KafkaError._KEY_SERIALIZATION, str(exception)), exception)


class ValueSerializationError(ProduceError, SerializationError):
    """A value could not be serialized."""

    def __init__(self, exception: Exception | None = None) -> None:
        super().__init__(KafkaError(KafkaError._VALUE_SERIALIZATION, str(exception)), exception)
