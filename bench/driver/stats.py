"""Medians, spreads and ratios over rounds."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from model import Results


@dataclass(frozen=True)
class Figure:
    """A median, with the least and the most of the rounds."""

    median: float
    least: float
    most: float
    rounds: int


def figure(values: list[float]) -> Figure | None:
    return Figure(median(values), min(values), max(values), len(values)) if values else None


def of(results: Results, case: str, run: str, measure: str) -> Figure | None:
    """What a run measured."""
    values = (sample.value(measure) for sample in results.of(case, run).values())
    return figure([value for value in values if value is not None])


def ratio(results: Results, case: str, run: str, other: str, measure: str) -> Figure | None:
    """The run beside the other one, in the same rounds."""
    found = []
    for number, sample in results.of(case, run).items():
        beside = results.of(case, other).get(number)
        ours, theirs = sample.value(measure), beside.value(measure) if beside else None
        if ours is not None and theirs:
            found.append(ours / theirs)
    return figure(found)
