"""What the Python programs of the benchmark share: their arguments, what they measure, and what they print."""

from __future__ import annotations

import json
import os
import resource
import struct
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

HEADERS = [("trace", b"00-4bf92f3577b34da6"), ("kind", b"order")]
STEP = 4099  # From one message's place in the payload to the next.


class Work:
    """What a program is asked to do: <way> name=value... and settings: produce:<name>=value, consume:<name>=value."""

    def __init__(self, arguments: list[str]) -> None:
        self.servers = self.topic = ""
        self.messages, self.size, self.partitions, self.clients, self.threads = 1, 100, 4, 1, 1
        self.rate = 0.0  # Messages a second; 0 = as fast as it goes.
        self.extras = False  # With a key and headers.
        self.consume: dict[str, Any] = {}
        self.produce: dict[str, Any] = {}
        self.values: list[bytes] = []
        self.more: dict[str, Any] = {}
        self.delays: list[float] = []
        payload = ""
        for argument in arguments:
            name, _, value = argument.partition("=")
            kind, _, setting = name.partition(":")
            if setting:
                getattr(self, kind)[setting] = value
            elif name == "payload":
                payload = value
            elif name in ("servers", "topic"):
                setattr(self, name, value)
            elif name == "extras":
                self.extras = value == "1"
            else:
                setattr(self, name, float(value) if name == "rate" else int(value))
        if payload:
            self._read(payload)
        # What goes before the clock starts: memory has grown by then, and what is asked once was asked.
        self.warm_up = self.messages // 4
        self.start()

    def _read(self, path: str) -> None:
        """Slices are made before, so that making them is not measured."""
        with open(path, "rb") as file:
            data = file.read()
        places = (i * STEP % (len(data) - self.size + 1) for i in range(1024))
        self.values = [data[at : at + self.size] for at in places]

    def start(self) -> None:
        """Begin what is measured; result() ends it."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        self._began = (time.monotonic(), usage.ru_utime, usage.ru_stime)

    def result(self, messages: int, size: int | None = None) -> None:
        """Print the line that the driver reads."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        seconds, user, system = self._began
        print(
            json.dumps(
                {
                    "messages": messages,
                    "bytes": messages * self.size if size is None else size,
                    "seconds": time.monotonic() - seconds,
                    "user": usage.ru_utime - user,
                    "system": usage.ru_stime - system,
                    **self.more,
                }
            ),
            flush=True,
        )

    def finish(self) -> None:
        """Go without closing, which is not measured and may take long."""
        sys.stdout.flush()
        os._exit(0)

    # ---- latency: each value begins with the time at which it was due ----

    def note(self, values: Iterable[bytes | None]) -> None:
        """A due time of 0 is that of the message which finds out whether all is set up."""
        for value in values:
            (due,) = struct.unpack_from("<q", value or bytes(8))
            if due:
                self.delays.append((time.monotonic_ns() - due) / 1e6)

    def due(self, i: int, start: int) -> int:
        """When message i is due, in ns."""
        return start + int(i * 1e9 / self.rate) if self.rate else time.monotonic_ns()

    def stamped(self, i: int, due: int) -> bytes:
        """The value of message i, with the time at which it was due."""
        return struct.pack("<q", due) + self.values[i & 1023][8:]

    def send_at_rate(self, send: Callable[[bytes, int], None]) -> None:
        """Send each message when it is due, or at once if that has passed."""
        start = time.monotonic_ns()
        for i in range(self.messages):
            due = self.due(i, start)
            wait = due - time.monotonic_ns()
            if wait > 0:
                time.sleep(wait / 1e9)
            send(self.stamped(i, due), i)

    def latency_result(self) -> None:
        """Print the percentiles."""
        delays = sorted(self.delays)
        self.more["latency"] = [delays[len(delays) * share // 1000] for share in (500, 990, 999)]
        self.result(len(delays))


def run(ways: dict[str, Callable[[Work], None]], arguments: list[str]) -> None:
    """Do what the arguments say."""
    ways[arguments[0]](Work(arguments[1:]))
