"""The targets, and whether what was measured meets them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import plan
from model import Results
from stats import of, ratio

Measured = Callable[[Results], float | None]


@dataclass(frozen=True)
class Target:
    """One bound on one figure."""

    way: str
    what: str
    bound: float
    at_least: bool
    measured: Measured
    where: str

    def met(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound


def beside(case: str, run: str, other: str, measure: str) -> Measured:
    def measured(results: Results) -> float | None:
        found = ratio(results, case, run, other, measure)
        return found.median if found else None

    return measured


def alone(case: str, run: str, measure: str, scale: float = 1.0) -> Measured:
    def measured(results: Results) -> float | None:
        found = of(results, case, run, measure)
        return found.median / scale if found else None

    return measured


def beside_cheapest(case: str, run: str, others: tuple[str, ...], measure: str) -> Measured:
    """Beside the one of the others that took the least CPU in the same round."""

    def measured(results: Results) -> float | None:
        found = []
        for number, sample in results.of(case, run).items():
            there = [results.of(case, other).get(number) for other in others]
            able = [one for one in there if one is not None and one.value("cpu")]
            if not able:
                continue
            cheapest = min(able, key=lambda one: one.value("cpu") or 0)
            ours, theirs = sample.value(measure), cheapest.value(measure)
            if ours and theirs:
                found.append(ours / theirs)
        return median(found) if found else None

    return measured


def is_planned(case: str, run: str) -> bool:
    """Some ways are measured with one kind of messages only."""
    rates = {program: 1 for program, _ in plan.LATENCY}
    return any(case == planned.title and any(run == one.key for one in planned.runs) for planned in plan.full(rates))


def pair(way: str, case: str, run: str, other: str, bounds: dict[str, float], where: str) -> list[Target]:
    """Throughput at least, CPU at most so many times that of the other."""
    words = {"rate": "throughput", "cpu": "CPU"}
    if not is_planned(case, run):
        return []
    return [
        Target(way, words[measure], bound, measure == "rate", beside(case, run, other, measure), where)
        for measure, bound in bounds.items()
    ]


def targets() -> list[Target]:
    """All of them, in the order of the table."""
    found: list[Target] = []
    for messages in plan.TARGETED:
        where = f"{messages.size} B, {messages.codec}" if messages.size < 1024 else f"1 KiB, {messages.codec}"
        consume, produce = f"Consume, {messages}", f"Produce, {messages}"
        raw = ("raw/callback", "raw/batch", "raw/event", "raw/poll")
        ours = "krs/batch"
        found += [
            Target("C, consume in batches", "CPU", 1.10, False, beside_cheapest(consume, ours, raw, "cpu"), where),
            Target(
                "C, consume in batches", "throughput", 0.95, True, beside_cheapest(consume, ours, raw, "rate"), where
            ),
        ]
        for name, run in (("one by one", "krs/produce"), ("in batches", "krs/produce_batch")):
            found += pair(f"C, produce with reports, {name}", produce, run, "raw/produce", {"cpu": 1.10}, where)
        found += go_targets(consume, produce, where)
        found += python_targets(consume, produce, where)
    found += default_targets() + only_small_targets() + latency_targets() + idle_targets()
    order = list(dict.fromkeys((target.way, target.what) for target in found))
    return sorted(found, key=lambda target: order.index((target.way, target.what)))


def go_targets(consume: str, produce: str, where: str) -> list[Target]:
    found: list[Target] = []
    for name, way in (("Poll", "poll"), ("ReadMessage", "read")):
        found += pair(f"Go {name}", consume, f"go-ours/{way}", f"go/{way}", {"rate": 4, "cpu": 0.28}, where)
        if is_planned(consume, f"go-ours/{way}"):
            allocations = alone(consume, f"go-ours/{way}", "allocations")
            found.append(Target(f"Go {name}", "allocations a message", 0.1, False, allocations, where))
    found += pair("Go Events", consume, "go-ours/events", "go/events", {"rate": 4, "cpu": 0.25}, where)
    reuse = {"rate": 1.0, "cpu": 1.0}
    found += pair(
        "Go PollInto (reused memory), beside franz-go", consume, "go-ours/reuse", "go-franz/poll", reuse, where
    )
    for name, way in (("Produce", "produce"), ("ProduceChannel", "channel")):
        found += pair(f"Go {name}", produce, f"go-ours/{way}", f"go/{way}", {"rate": 2.2, "cpu": 0.45}, where)
        found += pair(f"Go {name}, beside franz-go", produce, f"go-ours/{way}", "go-franz/produce", {"cpu": 1.2}, where)
    return found


def python_targets(consume: str, produce: str, where: str) -> list[Target]:
    return [
        *pair("Python poll", consume, "py-ours/poll", "py/poll", {"rate": 2.2, "cpu": 0.45}, where),
        *pair("Python consume(500)", consume, "py-ours/consume", "py/consume", {"rate": 1.4, "cpu": 0.55}, where),
        *pair("Python consume_arrow, beside consume", consume, "py-ours/arrow", "py/consume", {"cpu": 0.38}, where),
        *pair("Python produce", produce, "py-ours/produce", "py/produce", {"cpu": 0.6}, where),
        *pair("Python produce, on_delivery", produce, "py-ours/produce_told", "py/produce_told", {"cpu": 0.45}, where),
    ]


def default_targets() -> list[Target]:
    case, where = f"Consume, {plan.PLAIN}{plan.BY_DEFAULT}", "100 B, none, out of the box"
    return [
        *pair("Go Poll", case, "go-ours/poll", "go/poll", {"rate": 8}, where),
        *pair("Python poll", case, "py-ours/poll", "py/poll", {"rate": 5}, where),
        *pair("Python consume(500)", case, "py-ours/consume", "py/consume", {"rate": 5}, where),
    ]


def only_small_targets() -> list[Target]:
    """Ways that are measured with one kind of message only."""
    consume, produce, where = f"Consume, {plan.PLAIN}", f"Produce, {plan.PLAIN}", "100 B, none"
    asyncio = "Python asyncio"
    return [
        *pair(f"{asyncio} poll", consume, "py-ours/aio_poll", "py/aio_poll", {"rate": 60}, where),
        *pair(
            f"{asyncio} poll, beside aiokafka in batches",
            consume,
            "py-ours/aio_poll",
            "py-aiokafka/consume",
            {"rate": 1},
            where,
        ),
        *pair(
            f"{asyncio} produce, awaiting reports", produce, "py-ours/aio_produce", "py/aio_produce", {"rate": 3}, where
        ),
    ]


def latency_targets() -> list[Target]:
    found = []
    for case, where in ((plan.LATENCY_LOW, "1,000 a second"), (plan.LATENCY_HIGH, "80 % of the maximum")):
        for name, ours, peer in (("C", "krs", "raw"), ("Go", "go-ours", "go"), ("Python", "py-ours", "py")):
            for measure in ("p50", "p99"):
                measured = beside(case, f"{ours}/latency", f"{peer}/latency", measure)
                found.append(Target(f"{name}, latency", measure, 1.0, False, measured, where))
    return found


def idle_targets() -> list[Target]:
    def more_threads(results: Results) -> float | None:
        ours, raw = of(results, plan.IDLE, "krs/1", "threads"), of(results, plan.IDLE, "raw/1", "threads")
        return ours.median - raw.median if ours and raw else None

    def waiting(results: Results) -> float | None:
        many, one = of(results, plan.WAITS, "go-ours/50", "threads"), of(results, plan.WAITS, "go-ours/1", "threads")
        return many.median - one.median if many and one else None

    return [
        Target("Idle producer, Go", "MB of heap", 1.0, False, alone(plan.IDLE, "go-ours/1", "heap", 1e6), "idle"),
        Target("Idle producer, C", "threads beyond librdkafka's", 2, False, more_threads, "idle"),
        Target("50 blocked waits, Go", "threads beyond those of one", 0, False, waiting, "waiting"),
    ]
