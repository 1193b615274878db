"""Which charts there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plan
from chart import Bar, Group, bars, lines
from model import Case
from stats import of

if TYPE_CHECKING:
    from report import Report

OURS, PEER, THIRD = 1, 0, 2
# What the one chart of the README compares: a name, and for each bar its run.
MAIN = (
    ("C: consume in batches", "consume", ("raw/callback", "krs/batch")),
    ("C: produce with reports", "produce", ("raw/produce", "krs/produce_batch")),
    ("Go: Poll", "consume", ("go/poll", "go-ours/poll")),
    ("Go: batches into reused memory", "consume", ("go-franz/poll", "go-ours/reuse")),
    ("Go: Produce with reports", "produce", ("go/produce", "go-franz/produce", "go-ours/produce")),
    ("Python: poll", "consume", ("py/poll", "py-ours/poll")),
    ("Python: consume(500); consume_arrow", "consume", ("py/consume", "py-ours/consume", "py-ours/arrow")),
    ("Python: produce with on_delivery", "produce", ("py/produce_told", "py-ours/produce_told")),
)


def colour(run: str) -> int:
    program = run.split("/")[0]
    return (
        OURS if program in ("krs", "go-ours", "py-ours") else THIRD if program in ("go-franz", "py-aiokafka") else PEER
    )


def bar(report: Report, case: str, run: str, measure: str, scale: float) -> Bar | None:
    found = of(report.results, case, run, measure)
    if found is None:
        return None
    name = report.programs[run.split("/")[0]].name
    if run.endswith("/arrow"):
        name += ", Arrow"
    return Bar(name, found.median / scale, found.least / scale, found.most / scale, colour(run))


def main_chart(report: Report, measure: str, title: str, unit: str, scale: float) -> str:
    titles = {"consume": f"Consume, {plan.PLAIN}", "produce": f"Produce, {plan.PLAIN}"}
    groups = []
    for name, kind, runs in MAIN:
        found = [bar(report, titles[kind], run, measure, scale) for run in runs]
        groups.append(Group(name, tuple(one for one in found if one is not None)))
    return bars(title, unit, [group for group in groups if group.bars])


def latency_chart(report: Report) -> str:
    groups = []
    for case in (plan.LATENCY_LOW, plan.LATENCY_HIGH):
        for measure in ("p50", "p99"):
            found = [bar(report, case, f"{program}/latency", measure, 1) for program, _ in plan.LATENCY]
            there = tuple(one for one in found if one is not None)
            if there:
                groups.append(Group(f"{case}, {measure}", there))
    return bars("End-to-end latency, 100 B", "milliseconds; less is better", groups)


def growth_chart(report: Report, case: Case, measure: str, unit: str, scale: float) -> str:
    steps = tuple(dict.fromkeys(run.label for run in case.runs))
    series: dict[str, list[float | None]] = {}
    for program in dict.fromkeys(run.program for run in case.runs):
        found = [of(report.results, case.title, f"{program}/{step}", measure) for step in steps]
        series[report.programs[program].name] = [one.median / scale if one else None for one in found]
    return lines(case.title, unit, steps, series)


def all_charts(report: Report) -> dict[str, str]:
    """Each by its name."""
    unit = "microseconds of CPU a message of the client process, 100 B, uncompressed, equal settings; less is better"
    found = {
        "cpu": main_chart(report, "cpu", "CPU time a message", unit, 1),
        "throughput": main_chart(
            report, "rate", "Throughput", "million messages a second, the same; more is better", 1e6
        ),
        "latency": latency_chart(report),
    }
    for case in report.cases:
        if case.title == plan.CONSUMERS:
            found["consumers"] = growth_chart(report, case, "memory", "peak memory in MB", 1e6)
        elif case.title == plan.THREADS:
            found["threads"] = growth_chart(report, case, "rate", "million messages a second", 1e6)
    return found
