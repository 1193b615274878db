"""kafka_rs against confluent_kafka, side by side: CPU time and throughput for 100-byte messages on a real broker.

    python bench/bench.py SERVERS [--messages N] [--rounds N] [WAY...]

Each figure is a process of its own; the two packages take turns, and the least of all rounds counts. Both have the same
settings; ``backoff`` says whether confluent_kafka gets the setting that kafka_rs has by default
(fetch.queue.backoff.ms=5).
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import resource
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

VALUE = b"x" * 100
PARTITIONS = 4


def consumer(package: Any, args: argparse.Namespace, **conf: Any) -> Any:
    made = package.Consumer(
        {
            "bootstrap.servers": args.servers,
            "group.id": uuid.uuid4().hex,
            "enable.auto.commit": False,
            **({"fetch.queue.backoff.ms": 5} if args.backoff else {}),
            **conf,
        }
    )
    made.assign([package.TopicPartition(args.topic, number, 0) for number in range(PARTITIONS)])
    return made


def poll(package: Any, args: argparse.Namespace) -> None:
    made = consumer(package, args)
    start()
    count = 0
    while count < args.messages:
        message = made.poll(5.0)
        if message is None or message.error() is not None:
            continue
        message.value()
        count += 1
    made.close()


def consume(package: Any, args: argparse.Namespace) -> None:
    made = consumer(package, args)
    start()
    count = 0
    while count < args.messages:
        for message in made.consume(500, 5.0):
            if message.error() is not None:
                continue
            message.value()
            count += 1
    made.close()


def arrow(package: Any, args: argparse.Namespace) -> None:
    import pyarrow

    made = consumer(package, args)
    start()
    count = 0
    while count < args.messages:
        count += pyarrow.record_batch(made.consume_arrow(10_000, 5.0)).num_rows
    made.close()


def produce(package: Any, args: argparse.Namespace, told: Any = None, **conf: Any) -> None:
    made = package.Producer(
        {
            "bootstrap.servers": args.servers,
            "linger.ms": 5,
            "queue.buffering.max.messages": 500_000,
            **conf,
        }
    )
    start()
    for number in range(args.messages):
        while True:
            try:
                made.produce(args.topic, VALUE, on_delivery=told)
                break
            except BufferError:
                made.poll(0.1)
        if number % 1000 == 0:
            made.poll(0)
    made.flush()


def produce_reports(package: Any, args: argparse.Namespace) -> None:
    count = 0

    def told(error: Any, message: Any) -> None:
        nonlocal count
        assert error is None
        count += 1

    produce(package, args, told)
    assert count == args.messages


def produce_lists(package: Any, args: argparse.Namespace) -> None:
    count = 0

    def told(messages: Any) -> None:
        nonlocal count
        for message in messages:
            assert message.error() is None
            count += 1

    produce(package, args, on_delivery_batch=told)
    assert count == args.messages


def produce_batch(package: Any, args: argparse.Namespace) -> None:
    made = package.Producer(
        {"bootstrap.servers": args.servers, "linger.ms": 5, "queue.buffering.max.messages": 2_000_000}
    )
    start()
    for _ in range(args.messages // 500):
        assert made.produce_batch(args.topic, [{"value": VALUE} for _ in range(500)]) == 500
        made.poll(0)
    made.flush()


def aio_consume(package: Any, args: argparse.Namespace) -> None:
    aio = importlib.import_module(f"{package.__name__}.aio")

    async def main() -> None:
        conf = {
            "bootstrap.servers": args.servers,
            "group.id": uuid.uuid4().hex,
            "enable.auto.commit": False,
            **({"fetch.queue.backoff.ms": 5} if args.backoff else {}),
        }
        made = aio.AIOConsumer(conf)
        await made.assign([package.TopicPartition(args.topic, number, 0) for number in range(PARTITIONS)])
        start()
        count = 0
        while count < args.messages:
            message = await made.poll(5.0)
            if message is None or message.error() is not None:
                continue
            message.value()
            count += 1
        await made.close()

    asyncio.run(main())


def aio_produce(package: Any, args: argparse.Namespace) -> None:
    aio = importlib.import_module(f"{package.__name__}.aio")

    async def main() -> None:
        made = aio.AIOProducer(
            {"bootstrap.servers": args.servers, "linger.ms": 5, "queue.buffering.max.messages": 500_000}
        )
        start()
        for _ in range(args.messages // 20_000):
            reports = [await made.produce(args.topic, value=VALUE) for _ in range(20_000)]
            if package.__name__ == "confluent_kafka":
                await made.flush()
            await asyncio.gather(*reports)
        await made.close()

    asyncio.run(main())


def raw_fill(package: Any, args: argparse.Namespace) -> None:
    made = package.Producer({"bootstrap.servers": args.servers, "linger.ms": 20})
    for number in range(args.messages):
        while True:
            try:
                made.produce(args.topic, VALUE, partition=number % PARTITIONS)
                break
            except BufferError:
                made.poll(0.1)
    made.flush()


WAYS: dict[str, Callable[[Any, argparse.Namespace], None]] = {
    way.__name__: way
    for way in (poll, consume, arrow, produce, produce_reports, produce_lists, produce_batch, aio_consume, aio_produce)
}
# What the peer does so slowly that fewer messages tell as much.
SLOW = {"aio_consume": 100, "aio_produce": 10}
ONLY_OURS = {"arrow": "consume", "produce_lists": "produce_reports"}
began = (0.0, 0.0)


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def start() -> None:
    global began  # noqa: PLW0603
    began = (time.monotonic(), cpu())


def measure(package: str, way: str, args: argparse.Namespace) -> dict[str, float]:
    messages = args.messages
    if package == "confluent_kafka":
        messages //= SLOW.get(way, 1)
    command = [sys.executable, __file__, args.servers, way, "--child", package]
    command += ["--topic", args.topic, "--messages", str(messages), *(["--backoff"] if args.backoff else [])]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def child(args: argparse.Namespace) -> None:
    package = importlib.import_module(args.child)
    way = {**WAYS, "raw_fill": raw_fill}[args.way[0]]
    start()
    way(package, args)
    million = args.messages / 1e6
    print(json.dumps({"seconds": (time.monotonic() - began[0]) / million, "cpu": (cpu() - began[1]) / million}))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("servers")
    parser.add_argument("way", nargs="*", default=list(WAYS))
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backoff", action="store_true")
    parser.add_argument("--topic", default="")
    parser.add_argument("--child", default="")
    args = parser.parse_args()
    if args.child:
        child(args)
        return
    args.topic = args.topic or f"bench-{uuid.uuid4().hex[:8]}"
    measure("kafka_rs", "raw_fill", args)
    for way in args.way:
        names = {"kafka_rs": way, "confluent_kafka": ONLY_OURS.get(way, way)}
        best: dict[str, dict[str, float]] = {}
        for _ in range(args.rounds):
            for package, its_way in names.items():
                new = measure(package, its_way, args)
                old = best.get(package, new)
                best[package] = {key: min(old[key], new[key]) for key in new}
        ours, peer = best["kafka_rs"], best["confluent_kafka"]
        print(
            f"{way:16} {1 / ours['seconds']:6.2f} M/s {ours['cpu']:6.2f} CPU s/M | "
            f"{1 / peer['seconds']:6.3f} M/s {peer['cpu']:7.2f} CPU s/M | "
            f"throughput x{peer['seconds'] / ours['seconds']:.2f}, CPU x{ours['cpu'] / peer['cpu']:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
