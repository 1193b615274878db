"""Measures every way in beside what people use today: ``python3 bench/driver [full|quick|smoke]``.

full writes bench/RESULTS.md and its charts, quick prints a table, smoke only finds out whether all programs still work.
"""

from __future__ import annotations

import argparse
import os
import pickle
import platform
import re
import signal
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from subprocess import SubprocessError

import plan
from build import BENCH, OUT, ROOT, build, run
from cluster import KAFKA, Topics, kafka, mock
from model import Case, Program, Results
from report import Report
from rounds import Rounds

MINUTES = {"full": 14.0, "quick": 2.8, "smoke": 10.0}
OURS = ("raw", "krs", "go-ours", "py-ours")
SAVED = OUT / "report.pickle"


def say(text: str) -> None:
    """Progress, on one line where there is a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text[:100]}", end="", file=sys.stderr, flush=True)
    elif text.endswith("\n") or text.startswith(("building", "filling", "no time")):
        print(text.rstrip(), file=sys.stderr, flush=True)


def found_in(file: Path, pattern: str) -> str:
    """The first match of what is in parentheses."""
    found = re.search(pattern, file.read_text())
    return found.group(1) if found else "?"


def facts(rounds: int, load_before: float, minutes: float) -> tuple[tuple[str, str], ...]:
    """Where and when."""
    model = found_in(Path("/proc/cpuinfo"), r"model name\s*: (.*)")
    kafka_version = found_in(KAFKA, r"version=\$\{KAFKA_VERSION:-(.*)\}")
    compiler = run("cc", "--version").splitlines()[0]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        ("date", datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC")),
        ("machine", f"{os.cpu_count()} × {model}, {memory:.0f} GiB, {platform.system()} {platform.release()}"),
        ("load", f"{load_before:.1f} before, {os.getloadavg()[0]:.1f} at the end; the broker is on the same machine"),
        ("broker", f"Apache Kafka {kafka_version}"),
        ("kafka_rs", run("git", "describe", "--always", "--dirty", cwd=ROOT).strip()),
        ("compilers", f"{compiler}; {run('go', 'version').split()[2]}; CPython {platform.python_version()}"),
        ("rounds", f"{rounds} at most, {minutes:.0f} minutes"),
    )


def measure_all(
    what: str, rounds: int, programs: dict[str, Program], deadline: float
) -> tuple[Rounds, tuple[Case, ...]]:
    """Start the cluster, and run the plan on it."""
    on_mock = what == "smoke" and not os.environ.get("KRS_TEST_BROKERS")
    with ExitStack() as stack:
        say("starting the cluster")
        servers = stack.enter_context(mock(programs["krs"]) if on_mock else kafka())
        if on_mock:  # The mock cluster does not answer franz-go.
            programs["go-franz"] = Program("franz-go", failure="needs a real Kafka")
        going = Rounds(programs, Topics(servers, programs["raw"], not on_mock, say), say, deadline)
        plans = {"full": lambda: plan.full(going.rates(0.8)), "quick": plan.quick, "smoke": plan.smoke}
        cases = plans[what]()
        going.all(cases, rounds)
        return going, cases


def failed(results: Results, programs: dict[str, Program]) -> list[str]:
    """Runs of programs that are there but did not work."""
    found = []
    for case, runs in results.failures.items():
        found += [
            f"{run} failed: {case}: {why}" for run, why in runs.items() if not programs[run.split("/")[0]].failure
        ]
    return found


def finish(what: str, report: Report) -> int:
    """Tell what came of it."""
    for program in report.programs.values():
        if program.failure:
            print(f"{program.name} {program.failure}", file=sys.stderr)
    if what == "smoke":
        wrong = failed(report.results, report.programs)
        print("\n".join(wrong) or f"all ways of {sum(not p.failure for p in report.programs.values())} programs work")
        # A peer's new release is not to stop our tests.
        return int(any(line.split("/")[0] in OURS for line in wrong))
    print(report.terminal())
    if what == "full":
        SAVED.write_bytes(pickle.dumps(report))
        report.write(BENCH)
        print(f"\n{report.met()[0]} of {report.met()[1]} targets met; see bench/RESULTS.md")
    return 0


def main() -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default="full", choices=("full", "quick", "smoke", "render"))
    parser.add_argument("--rounds", type=int, default=0, help="5, or 1 for smoke")
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of messages")
    parser.add_argument("--minutes", type=float, default=0, help="when it is to be over")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # So that the broker is stopped.
    if arguments.what == "render":
        report: Report = pickle.loads(SAVED.read_bytes())
        report.write(BENCH)
        return 0
    began, load = time.monotonic(), os.getloadavg()[0]
    plan.CONSUME, plan.PRODUCE = int(plan.CONSUME * arguments.scale), int(plan.PRODUCE * arguments.scale)
    rounds = arguments.rounds or (1 if arguments.what == "smoke" else 5)
    programs = build(set(plan.PROGRAMS) - (plan.NOT_QUICK if arguments.what == "quick" else set()), say)
    for needed in ("raw", "krs"):
        if programs[needed].failure:
            print(f"{needed} {programs[needed].failure}", file=sys.stderr)
            return 1
    deadline = began + 60 * (arguments.minutes or MINUTES[arguments.what])
    try:
        going, cases = measure_all(arguments.what, rounds, programs, deadline)
    except SubprocessError as error:
        print(f"no cluster to measure on: {error}", file=sys.stderr)
        return 1
    say("\n")
    most = max((going.results.rounds(case.title) for case in cases), default=0)
    table = facts(most, load, (time.monotonic() - began) / 60)
    return finish(arguments.what, Report(going.results, cases, programs, table))


if __name__ == "__main__":
    sys.exit(main())
