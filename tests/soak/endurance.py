"""The row that only takes time: all languages at about 80 % of what they can, while members come and go, positions are
sought and brokers restart. Memory, threads and descriptors must be as flat at the end as after the beginning."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import mean

import chart
from bed import BUILT, Cluster, Load, Row, finish_all, fresh, languages

LOAD = 0.8
#: By then a program has met what makes its queues and its runtime grow once: backlogs after restarts, mostly.
WARM_UP_S = 200
#: Bounded, so that a broker's absence does not count as memory that was lost.
BOUNDS = ("producer.queue.buffering.max.kbytes=8192", "consumer.queued.max.messages.kbytes=8192")


def started(cluster: Cluster, rates: dict[str, int]) -> list[Load]:
    return [
        Load(language, cluster.servers, fresh(f"endure-{language.lower()}"), rate, *BOUNDS)
        for language, rate in rates.items()
    ]


def capacities(cluster: Cluster, seconds: float = 8) -> dict[str, int]:
    """What each language gets through while all of them try their best."""
    loads = started(cluster, dict.fromkeys(languages(), 0))
    try:
        for load in loads:
            load.steady()
        before = [min(load.count("acked"), load.count("received")) for load in loads]
        time.sleep(seconds)
        after = [min(load.count("acked"), load.count("received")) for load in loads]
        rates = [(now - then) / seconds for then, now in zip(before, after, strict=True)]
        return {load.language: int(rate) for load, rate in zip(loads, rates, strict=True)}
    finally:
        for load in loads:
            load.end()


def endurance(cluster: Cluster, seconds: float) -> Iterator[Row]:
    most = capacities(cluster)
    loads = started(cluster, {language: max(200, int(LOAD * rate)) for language, rate in most.items()})
    try:
        for load in loads:
            load.steady()
        faults = disturb(cluster, loads, seconds)
        for load in loads:
            load.await_flow()
            _, load.before = load.samples[warm(load)]
        path = BUILT / "endurance.svg"
        chart.draw(loads, path)
        for row, load in zip(finish_all("endurance at 80 % load", loads, faults), loads, strict=True):
            flat(row, load)
            row.note = (
                f"{most[load.language]} messages/s at most; {row.note}; {path.relative_to(BUILT.parents[1])}"
            )
            yield row
    finally:
        for load in loads:
            load.end()


def disturb(cluster: Cluster, loads: list[Load], seconds: float) -> int:
    """Every few seconds something happens; a broker restarts every ninth time. Returns how often one did."""
    end, step, restarts = time.monotonic() + seconds, 0, 0
    commands = ("join", "seek", "leave")
    while time.monotonic() < end:
        for load in loads:
            load.say(commands[step % 3])
        if step % 9 == 4:
            broker = cluster.ids()[restarts % len(cluster.ids())]
            cluster.do("kill", broker)
            cluster.do("revive", broker)
            cluster.await_in_sync(*(load.topic for load in loads))
            restarts += 1
        time.sleep(3)  # The pace of what happens.
        step += 1
    for load in loads:
        load.say("leave")
    return restarts


def warm(load: Load) -> int:
    """The first sample after the first quarter and the warm-up; of a run too short for that, one that has two quarters
    after it."""
    begin, _ = load.samples[0]
    part = quarter(load)
    late = next(
        (i for i, (when, _) in enumerate(load.samples) if when - begin >= WARM_UP_S), len(load.samples)
    )
    return min(max(part, late), len(load.samples) - 2 * part)


def quarter(load: Load) -> int:
    """How many samples are a quarter of the run."""
    return max(1, len(load.samples) // 4)


def flat(row: Row, load: Load) -> None:
    """A quarter of the run, from when all has warmed up, beside the last."""
    usages, part, begin = [usage for _, usage in load.samples], quarter(load), warm(load)
    early, late = usages[begin : begin + part], usages[-part:]

    def grown(name: str) -> float:
        return mean(getattr(usage, name) for usage in late) - mean(getattr(usage, name) for usage in early)

    row.note = f"{row.figures['joins']} joins, {row.figures['seeks']} seeks, {grown('mib'):+.1f} MiB"
    if load.samples[begin][0] - load.samples[0][0] < WARM_UP_S:
        row.note += ", too short for a trend"
    else:
        row.promise(grown("mib") < 16, f"memory grew by {grown('mib'):.0f} MiB")
    row.promise(grown("threads") < 4, f"threads grew by {grown('threads'):.1f}")
    row.promise(grown("descriptors") < 8, f"descriptors grew by {grown('descriptors'):.1f}")
