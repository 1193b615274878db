"""Writes what was measured: RESULTS.md and its charts, or a table for a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import plan
from model import Case, Program, Results, Run
from stats import Figure, of, ratio
from targets import targets

from charts import all_charts

WAYS = {
    "read": "ReadMessage",
    "reuse": "PollInto, reused memory",
    "batch": "batch",
    "produce_told": "produce, on_delivery",
    "produce_told_lists": "produce, reports in lists",
    "aio_poll": "asyncio, poll",
    "aio_consume": "asyncio, consume",
    "aio_produce": "asyncio, produce",
}
GO_WAYS = {"poll": "Poll", "events": "Events", "batch": "PollBatch", "produce": "Produce", "channel": "ProduceChannel"}


@dataclass(frozen=True)
class Report:
    """All that a report says."""

    results: Results
    cases: tuple[Case, ...]
    programs: dict[str, Program]
    facts: tuple[tuple[str, str], ...]

    def name(self, run: Run) -> str:
        way = WAYS.get(run.way, run.way)
        if run.way == "latency":
            way = f"{run.settings[0].removeprefix('rate=')}/s"
        if run.program.startswith("go") and run.program != "go-franz":
            way = GO_WAYS.get(run.way, way)
        return f"{self.programs[run.program].name}, {run.label or way}"

    # ---- a table for each case ----

    def table(self, case: Case) -> list[str]:
        """One row a run."""
        latency = any(run.way == "latency" for run in case.runs)
        measures = ("p50", "p99", "p99.9") if latency else ("rate", "cpu")
        heads = ["p50 ms", "×", "p99 ms", "×", "p99.9 ms", "×"] if latency else ["M/s", "×", "CPU µs", "×"]
        lines = ["| | " + " | ".join([*heads, "allocations", "MB", "threads"]) + " |"]
        lines.append("|---|" + "---|" * (len(heads) + 3))
        return lines + [self.row(case, run, measures) for run in case.runs]

    def row(self, case: Case, run: Run, measures: tuple[str, ...]) -> str:
        """Of each measure its median, and the median of its ratio with the spread."""
        if not self.results.of(case.title, run.key):
            why = self.failure(case, run).replace("|", "/")
            return f"| {self.name(run)} | {why} |" + " |" * (2 * len(measures) + 2)
        cells = []
        for measure in measures:
            scale = 1e6 if measure == "rate" else 1.0
            cells.append(number(of(self.results, case.title, run.key, measure), scale))
            cells.append(with_spread(ratio(self.results, case.title, run.key, run.against, measure)))
        cells.append(number(of(self.results, case.title, run.key, "allocations")))
        cells.append(number(of(self.results, case.title, run.key, "memory"), 1e6))
        cells.append(number(of(self.results, case.title, run.key, "threads")))
        return f"| {self.name(run)} | " + " | ".join(cells) + " |"

    def failure(self, case: Case, run: Run) -> str:
        why = self.results.failure(case.title, run.key)
        return f"failed: {why}" if why else "not run: there was no time"

    # ---- all of it ----

    def target_table(self) -> list[str]:
        lines = ["| way in | figure | messages | target | measured | |", "|---|---|---|---|---|---|"]
        for target in targets():
            value = target.measured(self.results)
            bound = f"{'≥' if target.at_least else '≤'} {target.bound:g}"
            verdict = "not measured" if value is None else "met" if target.met(value) else "**not met**"
            shown = "" if value is None else f"{value:.3g}"
            lines.append(f"| {target.way} | {target.what} | {target.where} | {bound} | {shown} | {verdict} |")
        return lines

    def met(self) -> tuple[int, int]:
        """How many targets are met, of how many that were measured."""
        verdicts = [target.met(value) for target in targets() if (value := target.measured(self.results)) is not None]
        return sum(verdicts), len(verdicts)

    def markdown(self, charts: dict[str, str]) -> str:
        met, measured = self.met()
        lines = ["# Results", "", "`make bench` writes this page. [README.md](README.md) says how it measures.", ""]
        lines += ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in self.facts), ""]
        lines += [f"![{name}](charts/{name}.svg)\n" for name in charts]
        lines += [
            "## Targets",
            "",
            f"{met} of {measured} figures meet their target. Each is the median of its rounds.",
            "",
        ]
        lines += [*self.target_table(), ""]
        for case in self.cases:
            lines += [f"## {case.title}", ""]
            settings = ", ".join(case.settings) or "the defaults of each"
            lines += [f"{rounds(self.results.rounds(case.title))}. Settings: {settings}.", ""]
            lines += [*self.table(case), ""]
        lines += self.reasons()
        return "\n".join(lines)

    def reasons(self) -> list[str]:
        """Why figures miss their target: from a file of its own, since this page is written anew."""
        notes = Path(__file__).resolve().parents[1] / "NOTES.md"
        return notes.read_text().splitlines() if notes.exists() else []

    def write(self, bench: Path) -> None:
        charts = all_charts(self)
        (bench / "charts").mkdir(exist_ok=True)
        for name, drawing in charts.items():
            (bench / "charts" / f"{name}.svg").write_text(drawing)
        (bench / "RESULTS.md").write_text(self.markdown(charts).rstrip() + "\n")

    def terminal(self) -> str:
        """The same as plain columns."""
        lines = []
        for case in self.cases:
            lines += [
                "",
                case.title,
                f"{'':52} {'M/s':>8} {'×':>6} {'CPU µs':>8} {'×':>6} {'allocs':>7} {'MB':>6} {'threads':>7}",
            ]
            lines += [self.plain_row(case, run) for run in case.runs]
        return "\n".join(lines)

    def plain_row(self, case: Case, run: Run) -> str:
        if not self.results.of(case.title, run.key):
            return f"{self.name(run)[:52]:52} {self.failure(case, run)}"
        beside = {m: ratio(self.results, case.title, run.key, run.against, m) for m in ("rate", "cpu")}
        found = {
            m: of(self.results, case.title, run.key, m) for m in ("rate", "cpu", "allocations", "memory", "threads")
        }
        return (
            f"{self.name(run)[:52]:52} {number(found['rate'], 1e6):>8} {number(beside['rate']):>6}"
            f" {number(found['cpu']):>8} {number(beside['cpu']):>6} {number(found['allocations']):>7}"
            f" {number(found['memory'], 1e6):>6} {number(found['threads']):>7}"
        )


def rounds(count: int) -> str:
    return f"{count} round" + "s" * (count != 1)


def number(found: Figure | None, scale: float = 1.0) -> str:
    if found is None:
        return ""
    value = found.median / scale
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def with_spread(found: Figure | None) -> str:
    if found is None:
        return ""
    return f"**{found.median:.2f}** ({found.least:.2f}–{found.most:.2f})"


__all__ = ["Report", "plan"]
