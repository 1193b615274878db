"""Channels and select."""

from __future__ import annotations

import threading
import time

import pytest

from kafka_rs import Channel, ChannelClosed, select


def test_values_come_in_the_order_of_sending() -> None:
    channel = Channel(3)
    for value in ("a", b"b", None):
        channel.send(value, key="k", headers={"h": "x"})
    assert len(channel) == 3
    messages = [channel.recv() for _ in range(3)]
    assert [message.value() for message in messages] == [b"a", b"b", None]
    assert messages[0].key() == b"k" and messages[0].headers() == [("h", b"x")]


def test_a_full_channel_makes_its_sender_wait() -> None:
    channel = Channel(1)
    channel.send("1")
    for timeout in (0, 0.05):
        with pytest.raises(TimeoutError):
            channel.send("2", timeout=timeout)
    threading.Timer(0.05, channel.recv).start()
    channel.send("2", timeout=10)
    assert channel.recv().value() == b"2"
    with pytest.raises(TimeoutError):
        channel.recv(0)


def test_without_capacity_sender_and_receiver_meet() -> None:
    channel = Channel()
    with pytest.raises(TimeoutError):
        channel.send("nobody", timeout=0)
    got: list[bytes | None] = []
    thread = threading.Thread(target=lambda: got.extend(message.value() for message in channel))
    thread.start()
    for number in range(100):
        channel.send(str(number), timeout=10)
    channel.close()
    thread.join(10)
    assert got == [str(number).encode() for number in range(100)]


def test_a_closed_channel_gives_what_it_holds_and_then_says_so() -> None:
    channel = Channel(2)
    channel.send("left")
    channel.close()
    channel.close()
    with pytest.raises(ChannelClosed):
        channel.send("late")
    assert channel.recv().value() == b"left"
    with pytest.raises(ChannelClosed):
        channel.recv()
    assert list(channel) == []


def test_closing_wakes_who_waits() -> None:
    channel = Channel()
    threading.Timer(0.1, channel.close).start()
    with pytest.raises(ChannelClosed):
        channel.recv()


def test_select_does_what_is_ready() -> None:
    one, two = Channel(1), Channel(1)
    with pytest.raises(TimeoutError):
        select(one, two, timeout=0)
    two.send("2")
    index, message = select(one, two)
    assert index == 1 and message is not None and message.value() == b"2"
    assert select(one, (two, "3")) == (1, None)
    assert two.recv().value() == b"3"
    one.close()
    assert select(one, two) == (0, None)
    with pytest.raises(ChannelClosed):
        select((one, "late"))
    with pytest.raises(TypeError):
        select(5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs a case"):
        select()


def test_select_is_fair() -> None:
    channels = [Channel(200) for _ in range(2)]
    for channel in channels:
        for _ in range(200):
            channel.send("x")
    chosen = [select(*channels)[0] for _ in range(200)]
    assert 50 < sum(chosen) < 150


def test_select_wakes_for_another_thread() -> None:
    one, two = Channel(), Channel()
    threading.Timer(0.1, two.send, ("late",)).start()
    start = time.monotonic()
    index, message = select(one, two, timeout=10)
    assert index == 1 and message is not None and time.monotonic() - start < 5
