"""Serializers and deserializers for keys and values."""

from __future__ import annotations

import struct
from enum import Enum
from typing import Any

from .._error import KafkaException
from .._types import HeadersType

__all__ = [
    "Deserializer",
    "DoubleDeserializer",
    "DoubleSerializer",
    "IntegerDeserializer",
    "IntegerSerializer",
    "MessageField",
    "SerializationContext",
    "SerializationError",
    "Serializer",
    "StringDeserializer",
    "StringSerializer",
]


class SerializationError(KafkaException):
    """A value could not be turned into bytes, or bytes into a value."""


class MessageField(str, Enum):
    """The part of a message that is (de)serialized."""

    NONE = "none"
    KEY = "key"
    VALUE = "value"

    def __str__(self) -> str:
        return str(self.value)


class SerializationContext:
    """Where a value belongs: its topic, its field, and the message's headers."""

    def __init__(self, topic: str, field: MessageField, headers: HeadersType | None = None) -> None:
        self.topic = topic
        self.field = field
        self.headers = headers


class Serializer:
    """Turns objects into bytes."""

    def __call__(self, obj: Any, ctx: SerializationContext | None = None) -> bytes | None:
        """The bytes of an object; None stays None."""
        raise NotImplementedError


class Deserializer:
    """Turns bytes into objects."""

    def __call__(self, value: bytes | None, ctx: SerializationContext | None = None) -> Any:
        """The object of some bytes; None stays None."""
        raise NotImplementedError


class _Packed:
    """Numbers of a fixed size, in network order."""

    _format: struct.Struct

    def _pack(self, obj: Any) -> bytes | None:
        if obj is None:
            return None
        try:
            return self._format.pack(obj)
        except struct.error as cause:
            raise SerializationError(str(cause)) from cause

    def _unpack(self, value: bytes | None) -> Any:
        if value is None:
            return None
        try:
            return self._format.unpack(value)[0]
        except struct.error as cause:
            raise SerializationError(str(cause)) from cause


class DoubleSerializer(Serializer, _Packed):
    """float to 8 bytes, as IEEE 754.

    >>> DoubleSerializer()(1.5).hex()
    '3ff8000000000000'
    """

    _format = struct.Struct(">d")

    def __call__(self, obj: float | None, ctx: SerializationContext | None = None) -> bytes | None:
        return self._pack(obj)


class DoubleDeserializer(Deserializer, _Packed):
    """8 bytes to float."""

    _format = struct.Struct(">d")

    def __call__(self, value: bytes | None, ctx: SerializationContext | None = None) -> float | None:
        number: float | None = self._unpack(value)
        return number


class IntegerSerializer(Serializer, _Packed):
    """int to 4 bytes, signed.

    >>> IntegerSerializer()(258).hex()
    '00000102'
    """

    _format = struct.Struct(">i")

    def __call__(self, obj: int | None, ctx: SerializationContext | None = None) -> bytes | None:
        return self._pack(obj)


class IntegerDeserializer(Deserializer, _Packed):
    """4 bytes to int."""

    _format = struct.Struct(">i")

    def __call__(self, value: bytes | None, ctx: SerializationContext | None = None) -> int | None:
        number: int | None = self._unpack(value)
        return number


class StringSerializer(Serializer):
    """str to bytes, in the encoding ``codec``."""

    def __init__(self, codec: str = "utf_8") -> None:
        self.codec = codec

    def __call__(self, obj: str | None, ctx: SerializationContext | None = None) -> bytes | None:
        if obj is None:
            return None
        try:
            return str.encode(obj, self.codec)
        except (UnicodeError, TypeError, LookupError) as cause:
            raise SerializationError(str(cause)) from cause


class StringDeserializer(Deserializer):
    """bytes in the encoding ``codec`` to str."""

    def __init__(self, codec: str = "utf_8") -> None:
        self.codec = codec

    def __call__(self, value: bytes | None, ctx: SerializationContext | None = None) -> str | None:
        if value is None:
            return None
        try:
            return bytes(value).decode(self.codec)
        except (UnicodeError, LookupError) as cause:
            raise SerializationError(str(cause)) from cause
