"""The partitioners of librdkafka as functions, to learn where a key goes."""

from __future__ import annotations

import zlib


def _check(key: bytes, partition_count: int) -> bytes:
    if not isinstance(key, (bytes, bytearray, memoryview)):
        raise TypeError(f"a bytes-like object is required, not '{type(key).__name__}'")
    if partition_count <= 0:
        raise ValueError(f"partition_count must be > 0, got {partition_count}")
    return bytes(key)


def murmur2(key: bytes, partition_count: int, /) -> int:
    """The partition of a key under ``partitioner=murmur2``, which is that of Kafka's Java clients.

    >>> murmur2(b"abc", 10)
    7
    """
    data = _check(key, partition_count)
    mask, factor = 0xFFFFFFFF, 0x5BD1E995
    length = len(data)
    mixed = 0x9747B28C ^ length
    whole = length - length % 4
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * factor & mask
        word = (word ^ word >> 24) * factor & mask
        mixed = mixed * factor & mask ^ word
    if whole < length:
        mixed = (mixed ^ int.from_bytes(data[whole:], "little")) * factor & mask
    mixed = (mixed ^ mixed >> 13) * factor & mask
    mixed ^= mixed >> 15
    return (mixed & 0x7FFFFFFF) % partition_count


def consistent(key: bytes, partition_count: int, /) -> int:
    """The partition of a key under ``partitioner=consistent``, librdkafka's default: CRC-32.

    >>> consistent(b"abc", 10)
    8
    """
    return zlib.crc32(_check(key, partition_count)) % partition_count


def fnv1a(key: bytes, partition_count: int, /) -> int:
    """The partition of a key under ``partitioner=fnv1a``, which is that of Sarama.

    >>> fnv1a(b"abc", 10)
    1
    """
    mixed = 0x811C9DC5
    for byte in _check(key, partition_count):
        mixed = (mixed ^ byte) * 0x01000193 & 0xFFFFFFFF
    signed = mixed - (1 << 32) if mixed & 0x80000000 else mixed
    return abs(signed) % partition_count
