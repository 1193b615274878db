"""Rows in which what answers at the broker's address is no broker, or a broken one."""

from __future__ import annotations

import json
import os
import random
import socket
import struct
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from bed import Broken, Row, Usage, languages, program


@dataclass
class Told:
    """What a probe was told."""

    lines: list[dict[str, Any]]
    #: What its process had of the machine, without clients.
    before: Usage
    after: Usage

    @property
    def summary(self) -> dict[str, Any]:
        return self.lines[-1]

    def row(self, name: str, language: str, **figures: int) -> Row:
        row = Row(name, language, {"sent": 1, **figures}, self.before, self.after)
        row.leaves_nothing()
        return row


def probe(language: str, servers: str, topic: str, seconds: float, *settings: str, token: str = "") -> Told:
    env = {**os.environ, "PYTHONSAFEPATH": "1"}
    if token:
        env["PROBE_TOKEN"] = token
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [*program(language, "probe"), servers, topic, str(seconds), *settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            errors="replace",
            env=env,
        )
        guard = threading.Timer(seconds + 60, process.kill)
        guard.start()
        try:
            told = listen(process)
        finally:
            guard.cancel()
            process.kill()
            process.wait()
        if told is None:
            errors.seek(0)
            raise Broken(
                f"{language}'s probe ended with {process.returncode}: {errors.read().strip()[-200:]}"
            )
        return told


def listen(process: subprocess.Popen[str]) -> Told | None:
    """All that it tells; none if it does not come to its end."""
    assert process.stdin and process.stdout
    lines: list[dict[str, Any]] = []
    usages: list[Usage] = []
    for line in process.stdout:
        lines.append(json.loads(line))
        if "begins" in lines[-1] or "final" in lines[-1]:
            usages.append(Usage.of(process.pid))
            process.stdin.write("\n")
            process.stdin.flush()
        if "final" in lines[-1]:
            return Told(lines, *usages)
    return None


# What each fake does with a connection, until it returns.


def hang_up(connection: socket.socket) -> None:
    connection.recv(1)


def keep_silent(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def answer_with(make: Callable[[bytes], bytes]) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        while question := connection.recv(65536):
            connection.sendall(make(question))

    return answer


NOISE = random.Random(1)


def in_frame(size: int, number: bytes, body: bytes) -> bytes:
    return struct.pack(">i", size) + number + body


FAKES: dict[str, Callable[[socket.socket], None]] = {
    "hangs up": hang_up,
    "keeps silent": keep_silent,
    "sends garbage": answer_with(lambda _: NOISE.randbytes(200)),
    "speaks HTTP": answer_with(lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "speaks TLS": answer_with(lambda _: b"\x15\x03\x01\x00\x02\x02\x46"),
    "names a huge size": answer_with(lambda q: in_frame(0x7FFFFFFF, q[8:12], b"")),
    "names a negative size": answer_with(lambda q: in_frame(-5, q[8:12], b"")),
    "answers another question": answer_with(lambda q: in_frame(10, b"\x7f\x00\x00\x01", b"\0" * 6)),
    "answers garbage": answer_with(lambda q: in_frame(104, q[8:12], NOISE.randbytes(100))),
    "answers too little": answer_with(lambda q: in_frame(5, q[8:12], b"\0")),
}


class Fake:
    """A listener that treats every connection in one way."""

    def __init__(self, treat: Callable[[socket.socket], None] | None) -> None:
        self.connections = 0
        self._treat = treat
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        if treat:
            threading.Thread(target=self._accept, daemon=True).start()
        else:
            self._listener.close()  # Refuses.

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                assert self._treat
                self._treat(connection)
            except OSError:
                pass

    def end(self) -> None:
        self._listener.close()


def fake(language: str, name: str, treat: Callable[[socket.socket], None] | None, seconds: float) -> Row:
    server = Fake(treat)
    # Short, so that a broker that says nothing is an error within the test.
    hasty = ("socket.timeout.ms=1000", "api.version.request.timeout.ms=1000")
    told = probe(language, server.address, "nowhere", seconds, *hasty)
    server.end()
    summary, errors = told.summary, [line for line in told.lines if "row" in line]
    share = summary["cpu"] / summary["seconds"]
    row = told.row(f"broker that {name}", language, faults=server.connections or 1)
    text = errors[0]["text"] if errors else ""
    row.note = (
        f"CPU {100 * share:.1f} %, {len(errors)} errors, first after {summary['first_error']} s: {text[:90]}"
    )
    row.promise(errors and text, "no error row")
    row.promise(len(errors) < 20 * seconds, f"{len(errors)} error rows")
    row.promise(share < 0.15, f"busy: CPU {100 * share:.0f} %")
    row.promise(summary["sent"] == "_MSG_TIMED_OUT", f"the report says {summary['sent']}")
    row.promise(summary["close_ms"] < 2500, f"close took {summary['close_ms']} ms of 1000")
    return row


def fakes(seconds: float) -> Iterator[Row]:
    every = [(language, *each) for each in {"refuses": None, **FAKES}.items() for language in languages()]
    with ThreadPoolExecutor(6) as pool:
        yield from pool.map(lambda each: fake(*each, seconds), every)
