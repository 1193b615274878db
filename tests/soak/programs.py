"""Rows that are C tests of `tests/c`, run for longer and on three brokers: groups that change, programs that are killed."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator

from bed import BUILT, Broken, Cluster, Counts, Row


def output_of(program: str, test: str, cluster: Cluster, limit: float, **environment: object) -> str:
    """What the test says when it holds."""
    words = [str(BUILT / program), test, cluster.servers]
    env = {**os.environ, **{name: str(value) for name, value in environment.items()}}
    try:
        done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired as expired:
        raise Broken(f"{test} did not end in {limit:.0f} s") from expired
    if done.returncode:
        raise Broken(f"{test}: {done.stderr.strip()[-300:]}")
    return done.stdout


def row(name: str, figures: Counts) -> Row:
    return Row(name, "C", {"lost": 0, **figures})


def number(pattern: str, text: str) -> int:
    return sum(int(found) for found in re.findall(pattern, text))


def rebalances(cluster: Cluster, times: int) -> Iterator[Row]:
    """Members join, leave and are killed, in each protocol."""
    for name, test in (
        ("eager", "no_stale_row_across_eager_rebalances"),
        ("cooperative", "no_stale_row_across_cooperative_rebalances"),
        ("KIP-848", "no_stale_row_across_rebalances_by_the_broker"),
    ):
        # The test does it twice.
        said = output_of("rebalance", test, cluster, 120 + 10 * times, KRS_REBALANCES=(times + 1) // 2)
        made = row(
            f"members join, leave and are killed: {name}",
            {
                "sent": number(r"of (\d+) messages", said),
                "received": number(r"(\d+) of \d+ messages", said),
                "faults": number(r"(\d+) changes", said),
                # Only a kill brings rows again, which were not committed yet.
                "duplicated": 0,
            },
        )
        assigns = number(r"(\d+) assigns", said)
        made.note = f"{assigns} assigns, 0 stale rows"
        yield made


def kills(cluster: Cluster, times: int) -> Iterator[Row]:
    """The application is killed at a random row."""
    test = "read_transform_write_is_exact_across_kills"
    said = output_of("txn", test, cluster, 120 + 15 * times, KRS_KILLS=times)
    count = number(r"^(\d+) numbers", said)
    figures = {"sent": count, "acked": count, "received": count, "duplicated": 0, "faults": times}
    yield row("transactional application killed", figures)
    said = output_of("txn", "a_kill_skips_nothing_undelivered", cluster, 120 + 15 * times, KRS_KILLS=times)
    made = row(
        "consuming application killed",
        {"received": number(r"(\d+) rows", said), "faults": 2 * times},
    )
    again = number(r"(\d+) given again", said)
    made.note = f"{again} rows again, none skipped"
    yield made
