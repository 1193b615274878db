"""Runs the long tests on a cluster of three brokers, and prints one table. `make soak` starts it.

soak.py MINUTES [ROW]...        only rows whose name begins so
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import brokers
import endurance
import fakes
import members
import programs
import security
from bed import Broken, Cluster, Row
from proxy import Network

COLUMNS = {
    "sent": "sent",
    "acked": "acked",
    "received": "received",
    "lost": "lost",
    "duplicated": "dup",
    "faults": "faults",
}


def plan(cluster: Cluster, minutes: float) -> dict[str, Callable[[], Iterator[Row]]]:
    """The rows, each as long as the time allows."""

    def share(at_30: float, least: float) -> int:
        return round(max(least, at_30 * minutes / 30))

    net = Network(cluster.proxied)
    return {
        "kill": lambda: brokers.kills(cluster, share(20, 3)),
        "together": lambda: brokers.together(cluster, share(20, 4)),
        "topics": lambda: brokers.topics(cluster, share(20, 3)),
        "freeze": lambda: brokers.freezes(cluster, share(30, 5)),
        "close": lambda: brokers.closes(cluster),
        "network": lambda: brokers.network(cluster, net, share(15, 3)),
        "packets": lambda: brokers.packets(cluster, net, share(15, 3)),
        "pressure": lambda: brokers.pressure(net, share(600, 30)),
        "fakes": lambda: fakes.fakes(share(10, 5)),
        "login": lambda: security.logins(share(8, 5)),
        "rebalance": lambda: programs.rebalances(cluster, share(200, 32)),
        "rebalance-others": lambda: members.rebalances(cluster, share(200, 8)),
        "unheard": lambda: members.lost_answers(cluster, net, share(20, 4)),
        "endurance": lambda: endurance.endurance(cluster, share(840, 45)),
        "application": lambda: programs.kills(cluster, share(50, 5)),
        "application-others": lambda: members.kills(cluster, share(50, 5)),
    }


def attempt(name: str, run: Callable[[], Iterator[Row]]) -> Iterator[Row]:
    start = time.monotonic()
    try:
        for row in run():
            row.seconds = time.monotonic() - start
            yield row
    except (Broken, subprocess.SubprocessError, OSError) as broken:
        yield Row(name, "", seconds=time.monotonic() - start, broken=[str(broken)])


def change(before: float | int | None, after: float | int | None) -> str:
    return "" if before is None or after is None else f"{before:.0f}->{after:.0f}"


def line(row: Row) -> str:
    cells = [f"{row.name[:44]:44}", f"{row.language:7}"]
    cells += [f"{row.figures.get(key, ''):>{10 if i < 3 else 6}}" for i, key in enumerate(COLUMNS)]
    before, after = row.before, row.after
    cells.append(f"{change(before and before.mib, after and after.mib):>10}")
    cells.append(f"{change(before and before.threads, after and after.threads):>8}")
    cells.append(f"{change(before and before.descriptors, after and after.descriptors):>8}")
    cells.append(f"{row.seconds:5.0f}")
    verdict = "BROKEN: " + "; ".join(row.broken) if row.broken else "holds"
    cells.append(f"{verdict}{' (' + row.note + ')' if row.note else ''}")
    return " ".join(cells)


def heading() -> str:
    cells = [f"{'what happens':44}", f"{'client':7}"]
    cells += [f"{title:>{10 if i < 3 else 6}}" for i, title in enumerate(COLUMNS.values())]
    cells += [f"{'MiB':>10}", f"{'threads':>8}", f"{'fds':>8}", f"{'s':>5}"]
    return " ".join(cells)


def main(minutes: float, chosen: list[str]) -> int:
    cluster = Cluster()
    rows: list[Row] = []
    print(heading(), flush=True)
    for name, run in plan(cluster, minutes).items():
        if chosen and not any(name.startswith(each) for each in chosen):
            continue
        if name == "packets" and not os.environ.get("SOAK_NETWORK"):
            print("packets: passed over, for a network of its own can't be had (unshare --net, nft)")
            continue
        for row in attempt(name, run):
            rows.append(row)
            print(line(row), flush=True)
    broken = sum(bool(row.broken) for row in rows)
    print(f"{len(rows)} rows, {broken} broken")
    return 1 if broken or not rows else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
