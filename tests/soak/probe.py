"""Does what probe.c does, with the Python client: the command line and what it tells are the same.

No setting is read back, for this client has no way to.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from typing import Any

from kafka_rs import Consumer, KafkaError, KafkaException, Message, Producer


def tell(what: str, code: str, text: str) -> None:
    print(json.dumps({what: code, "text": text}))


def await_driver(**told: Any) -> None:
    print(json.dumps(told), flush=True)
    if not sys.stdin.readline():
        sys.exit(3)  # It is gone.


class Logs(logging.Handler):
    """Tells what the clients log."""

    def emit(self, record: logging.LogRecord) -> None:
        tell("log", "NO_ERROR", record.getMessage())


def token(_: str) -> tuple[str, float]:
    answer = os.environ.get("PROBE_TOKEN")
    if answer is None:
        raise LookupError("no token to be had")
    return answer, time.time() + 300


class Probe:
    def __init__(self, servers: str, topic: str, seconds: str, *settings: str) -> None:
        self.topic = topic
        self.start, self.limit = time.monotonic(), float(seconds)
        self.first_error = 0.0
        self.sent = self.received = "_DESTROY"
        self.closed = 0.0
        logger = logging.Logger("probe", logging.DEBUG)
        logger.addHandler(Logs())
        self.conf: dict[str, Any] = {"bootstrap.servers": servers, "error_cb": self.note, "logger": logger}
        self.conf.update(setting.split("=", 1) for setting in settings)
        if self.conf.get("sasl.mechanisms") == "OAUTHBEARER":
            self.conf["oauth_cb"] = token

    def note(self, error: KafkaError) -> None:
        self.first_error = self.first_error or time.monotonic() - self.start
        tell("row", error.name(), error.str())

    def is_over(self) -> bool:
        return time.monotonic() > self.start + self.limit

    def send(self) -> None:
        def told(error: KafkaError | None, _: Message) -> None:
            self.sent = error.name() if error else "NO_ERROR"

        producer = Producer({**self.conf, "message.timeout.ms": 3000})
        self.sent = "_TIMED_OUT"
        producer.produce(self.topic, b"probe", on_delivery=told)
        while self.sent != "NO_ERROR" and not self.is_over():
            producer.poll(0.05)
        if self.sent == "NO_ERROR":
            self.receive()
        self.close(producer)

    def receive(self) -> None:
        consumer = Consumer({**self.conf, "group.id": "probe", "auto.offset.reset": "earliest"})
        consumer.subscribe([self.topic])
        self.received = "_TIMED_OUT"
        while self.received == "_TIMED_OUT" and not self.is_over():
            message = consumer.poll(0.05)
            if message is not None:
                error = message.error()
                self.received = error.name() if error else "NO_ERROR"
        self.close(consumer)

    def close(self, client: Producer | Consumer) -> None:
        before = time.monotonic()
        client.close(1.0)
        self.closed += time.monotonic() - before

    def run(self) -> None:
        cpu = time.process_time()
        try:
            self.send()
        except KafkaException as failed:
            self.note(failed.args[0])
        summary = {
            "sent": self.sent,
            "received": self.received,
            "first_error": round(self.first_error, 2),
            "close_ms": round(1000 * self.closed),
            "cpu": time.process_time() - cpu,
            "seconds": time.monotonic() - self.start,
        }
        await_driver(final=True, **summary)


if __name__ == "__main__":
    await_driver(begins=True)
    Probe(*sys.argv[1:]).run()
