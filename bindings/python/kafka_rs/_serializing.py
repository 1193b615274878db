"""Clients that turn objects into bytes and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._consumer import Consumer
from ._native import Message
from ._producer import Producer
from ._types import DeliveryCallback, HeadersType
from .error import (
    ConsumeError,
    KeyDeserializationError,
    KeySerializationError,
    ValueDeserializationError,
    ValueSerializationError,
)
from .serialization import MessageField, SerializationContext


class SerializingProducer(Producer):
    """A producer that takes objects: ``key.serializer`` and ``value.serializer`` in the configuration make bytes of
    them. A serializer is called with the object and a SerializationContext."""

    def __init__(self, conf: dict[str, Any]) -> None:
        rest = dict(conf)
        self._key_serializer: Callable[..., Any] | None = rest.pop("key.serializer", None)
        self._value_serializer: Callable[..., Any] | None = rest.pop("value.serializer", None)
        super().__init__(rest)

    def produce(  # type: ignore[override]
        self,
        topic: str,
        key: Any = None,
        value: Any = None,
        partition: int = -1,
        on_delivery: DeliveryCallback | None = None,
        timestamp: int = 0,
        headers: HeadersType | None = None,
    ) -> None:
        """As Producer.produce(), of objects; note that the key comes before the value.

        Raises KeySerializationError or ValueSerializationError if a serializer fails.
        """
        ctx = SerializationContext(topic, MessageField.KEY, headers)
        if self._key_serializer is not None:
            try:
                key = self._key_serializer(key, ctx)
            except Exception as cause:
                raise KeySerializationError(cause) from cause
        ctx.field = MessageField.VALUE
        if self._value_serializer is not None:
            try:
                value = self._value_serializer(value, ctx)
            except Exception as cause:
                raise ValueSerializationError(cause) from cause
        super().produce(
            topic,
            value,
            key,
            partition=partition,
            on_delivery=on_delivery,
            timestamp=timestamp,
            headers=headers,
        )


class DeserializingConsumer(Consumer):
    """A consumer that gives objects: ``key.deserializer`` and ``value.deserializer`` in the configuration make them of
    bytes. A deserializer is called with the bytes and a SerializationContext."""

    def __init__(self, conf: dict[str, Any]) -> None:
        rest = dict(conf)
        self._key_deserializer: Callable[..., Any] | None = rest.pop("key.deserializer", None)
        self._value_deserializer: Callable[..., Any] | None = rest.pop("value.deserializer", None)
        # What consume() received and has not given yet.
        self._failed: ConsumeError | None = None
        self._rest: list[Message] = []
        super().__init__(rest)

    def _deserialized(self, message: Message) -> Message:
        error = message.error()
        if error is not None:
            raise ConsumeError(error, kafka_message=message)
        ctx = SerializationContext(message.topic() or "", MessageField.VALUE, message.headers())
        value: Any = message.value()
        if self._value_deserializer is not None:
            try:
                value = self._value_deserializer(value, ctx)
            except Exception as cause:
                raise ValueDeserializationError(cause, message) from cause
        key: Any = message.key()
        ctx.field = MessageField.KEY
        if self._key_deserializer is not None:
            try:
                key = self._key_deserializer(key, ctx)
            except Exception as cause:
                raise KeyDeserializationError(cause, message) from cause
        message.set_key(key)
        message.set_value(value)
        return message

    def poll(self, timeout: float = -1) -> Message | None:
        """As Consumer.poll(), with objects for key and value.

        Raises ConsumeError for an error that took the place of a message, KeyDeserializationError or
        ValueDeserializationError if a deserializer fails; each has the message as ``kafka_message``.
        """
        message = super().poll(timeout)
        return None if message is None else self._deserialized(message)

    def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Message]:
        """As Consumer.consume(), with objects for key and value.

        Raises as poll() does for the first message that cannot be given, once those before it have been: the messages
        up to there are returned, and the next call raises. None is lost.
        """
        if self._failed is not None:
            failed, self._failed = self._failed, None
            raise failed
        received = self._rest or super().consume(num_messages, timeout)
        messages: list[Message] = []
        for position, message in enumerate(received):
            self._rest = received[position + 1 :]
            try:
                messages.append(self._deserialized(message))
            except ConsumeError as error:
                if not messages:
                    raise
                self._failed = error
                break
        return messages
