"""Rows in which brokers, or the way to them, fail while messages flow: in all languages at once."""

from __future__ import annotations

import functools
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bed import Broken, Cluster, Load, Row, Usage, await_that, finish_all, fresh, languages
from proxy import Network

RATE = 500


@contextmanager
def loads(
    what: str, servers: str, cluster: Cluster, *settings: str, rate: int = RATE
) -> Iterator[list[Load]]:
    """One program of each language, whose messages flow."""
    running = [
        Load(language, servers, fresh(f"{what}-{language.lower()}"), rate, *settings)
        for language in languages()
    ]
    try:
        for load in running:
            load.steady()
        cluster.await_in_sync(*(load.topic for load in running))
        yield running
    finally:
        for load in running:
            load.end()


def kills(cluster: Cluster, times: int) -> Iterator[Row]:
    """kill -9 of one broker after the other; each comes back before the next goes."""
    with loads("kill", cluster.servers, cluster) as running:
        for number in range(times):
            broker = cluster.ids()[number % len(cluster.ids())]
            cluster.do("kill", broker)
            for load in running:
                load.await_flow()  # The other two go on.
            cluster.do("revive", broker)
            cluster.await_in_sync(*(load.topic for load in running))
        yield from finish_all("a broker killed", running, times)


# Such messages are sent together, as one of librdkafka's, and so do not go the way of the others; and fast, so that they
# are many. One request at a time: else one that is sent again is overtaken.
TOGETHER = ("producer.enable.idempotence=false", "producer.max.in.flight=1")
FAST = 10_000


def together(cluster: Cluster, times: int) -> Iterator[Row]:
    """Brokers killed and stopped in turn while messages are not numbered: none is lost, but some may come twice."""
    with loads("together", cluster.servers, cluster, *TOGETHER, rate=FAST) as running:
        for number in range(times):
            broker = cluster.ids()[number % len(cluster.ids())]
            what, back = ("kill", "revive") if number % 2 == 0 else ("freeze", "thaw")
            cluster.do(what, broker)
            for load in running:
                load.await_flow()
            cluster.do(back, broker)
            cluster.await_in_sync(*(load.topic for load in running))
        yield from finish_all("killed and stopped, not numbered", running, times, once=False)


SOON = 30.0  # A broker may know of a topic a moment after the others.


def topics(cluster: Cluster, times: int) -> Iterator[Row]:
    """Each topic is made, written and read at once, by a group of its own."""
    rows = {
        each: Row("topics made this moment", each, {"sent": 0, "acked": 0, "received": 0, "faults": times})
        for each in languages()
    }
    slowest = dict.fromkeys(rows, 0.0)
    for _ in range(times):
        running = [Load(each, cluster.servers, fresh("topic"), RATE) for each in rows]
        try:
            for load in running:
                took = load.await_count("received", 100, SOON)
                slowest[load.language] = max(slowest[load.language], took)
                for name in ("sent", "acked", "received"):
                    rows[load.language].figures[name] += load.count(name)
        finally:
            for load in running:
                load.end()
    for language, row in rows.items():
        row.note = f"read after {slowest[language]:.1f} s at the latest"
        yield row


def freezes(cluster: Cluster, seconds: float) -> Iterator[Row]:
    """Each broker stands still in turn, then all of them."""
    with loads("freeze", cluster.servers, cluster) as running:
        for broker in cluster.ids():
            cluster.do("freeze", broker)
            time.sleep(seconds)  # The length of the fault.
            for load in running:
                load.await_flow()
            cluster.do("thaw", broker)
            for load in running:
                load.await_flow()
            cluster.await_in_sync(*(load.topic for load in running))
        cluster.do("freeze")
        time.sleep(2 * seconds)
        cluster.do("thaw")
        for load in running:
            load.await_flow()
        name = f"brokers stopped for {seconds:.0f} s, all for {2 * seconds:.0f} s"
        yield from finish_all(name, running, len(cluster.ids()) + 1)


def closes(cluster: Cluster, deadline_ms: int = 2000) -> Iterator[Row]:
    """While no broker answers, waits end when they are cancelled, and a close by its deadline."""
    with loads("close", cluster.servers, cluster) as running:
        cluster.do("freeze")
        try:
            time.sleep(3)
            for load in running:
                yield closed(load, deadline_ms)
        finally:
            cluster.do("thaw")


def closed(load: Load, deadline_ms: int) -> Row:
    counts = load.finish(f"close {deadline_ms}", 60)
    row = Row("closed while all brokers stand still", load.language, dict(counts, faults=1))
    row.before, row.after = load.before, load.after
    row.note = f"waits ended in {counts['cancel_ms']} ms, close {counts['close_ms']} of {deadline_ms}"
    # A second more, for a machine that is busy.
    row.promise(counts["cancel_ms"] < 1000, f"waits ended after {counts['cancel_ms']} ms")
    row.promise(counts["close_ms"] < deadline_ms + 1000, f"close took {counts['close_ms']} ms")
    row.promise(counts["reports"] == counts["sent"], "not one report for each message")
    return row


def network(cluster: Cluster, net: Network, seconds: float) -> Iterator[Row]:
    """The brokers stay well; what is between does not."""

    def part(way: str, *only: int) -> Callable[[], None]:
        def fault() -> None:
            net.only, net.parted = set(only), way

        return fault

    def change(name: str, value: float) -> Callable[[], None]:
        return lambda: setattr(net, name, value)

    faults: dict[str, Callable[[], None]] = {
        "delay 100 ms": change("delay", 0.1),
        "loss 20 %": change("loss", 0.2),
        "rate 20 kB/s": change("rate", 20_000),
        "one parted": part("both", 1),
        "all parted": part("both"),
        "answers lost": part("answers"),
        "cut": net.cut,
    }
    yield from suffered("network", net.servers, cluster, faults, net.heal, seconds)


def packets(cluster: Cluster, net: Network, seconds: float) -> Iterator[Row]:
    """The kernel loses packets between the clients and the proxies, so that TCP has to deal with it."""
    ports = "{ %s }" % ", ".join(str(port) for _, _, port in cluster.proxied)
    questions, answers = f"tcp dport {ports}", f"tcp sport {ports}"
    lossy = "numgen random mod 100 < 20 drop"

    def filtering(*rules: str) -> Callable[[], None]:
        chain = "\n".join(("type filter hook input priority 0", *rules))
        return lambda: tell_kernel(f"table inet soak {{\nchain arriving {{\n{chain}\n}}\n}}")

    faults = {
        "a fifth lost": filtering(f"{questions} {lossy}", f"{answers} {lossy}"),
        "answers lost": filtering(f"{answers} drop"),
        "all lost": filtering(f"{questions} drop", f"{answers} drop"),
        "reset": filtering(f"{questions} reject with tcp reset"),
    }
    heal = functools.partial(tell_kernel, "flush ruleset")
    yield from suffered("packets", net.servers, cluster, faults, heal, seconds)


def tell_kernel(rules: str) -> None:
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)


def suffered(
    what: str,
    servers: str,
    cluster: Cluster,
    faults: dict[str, Callable[[], None]],
    heal: Callable[[], None],
    seconds: float,
) -> Iterator[Row]:
    """One fault after the other; after each all goes on."""
    with loads(what, servers, cluster) as running:
        slowest = 0.0
        for name, fault in faults.items():
            fault()
            time.sleep(seconds)  # The length of the fault.
            heal()
            try:
                slowest = max(slowest, *(load.await_flow() for load in running))
            except Broken as broken:
                raise Broken(f"after {name}: {broken}") from broken
        for row in finish_all(f"{what}: {', '.join(faults)}", running, len(faults)):
            row.note = f"flows {slowest:.1f} s after healing at the latest"
            yield row


BUDGET_MIB = (
    16 + 4 + 4
)  # What press.c sets: of the producer's queue, and of what the consumer fetches and holds.
OVERHEAD = 1.5  # librdkafka counts keys and values, not its own structs beside them.
# Buffers of connections, stacks of threads; what Go's heap gains between two collections while messages flow (see the
# binding's headroom.go); a future and a report of each message.
BESIDE_MIB = {"C": 30, "Go": 30 + 2 * 32, "Python": 30 + 16}


def pressure(net: Network, seconds: float) -> Iterator[Row]:
    """A producer that is far faster than its brokers, and a consumer that is far slower."""
    net.rate = 200_000
    running = [Load(each, net.servers, fresh("press"), 16, name="press") for each in languages()]
    try:
        for load in running:
            await_that(lambda load=load: load.count("sent"), "it starts", 30)
            load.before = Usage.of(load.process.pid)
        full = []
        for load in running:
            load.await_count("received", 100)
            full.append(load.counts["shares"])  # Whoever began first has filled the queue.
        time.sleep(seconds)
        shares = [gained(load, then) for load, then in zip(running, full, strict=True)]
        net.heal()
        for load, each in zip(running, shares, strict=True):
            yield pressed(load, each)
    finally:
        for load in running:
            load.end()


def gained(load: Load, since: list[int]) -> list[int]:
    return [now - then for now, then in zip(load.counts["shares"], since, strict=True)]


def pressed(load: Load, shares: list[int]) -> Row:
    load.finish()
    counts = load.counts
    row = Row("16 senders, slow brokers, slow consumer", load.language, dict(counts, faults=1))
    peak = max(usage.mib for _, usage in load.samples)
    row.before, row.after = load.before, load.after
    base = load.samples[0][1].mib
    allowed = base + OVERHEAD * BUDGET_MIB + BESIDE_MIB[load.language]
    row.note = f"peak {peak:.0f} of {allowed:.0f} MiB, a sender's share {min(shares)} to {max(shares)}"
    row.promise(peak <= allowed, "memory went beyond its budget")
    row.promise(min(shares) * 2 > max(shares), "senders starve")
    row.promise(counts["reports"] == counts["sent"], "not one report for each message")
    return row
