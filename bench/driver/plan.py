"""What is measured: which ways, on which messages, with which settings."""

from __future__ import annotations

from dataclasses import replace

from model import Case, Messages, Run

# Where a default holds one of them back, all get the same.
EQUAL = (
    "produce:acks=all",
    "produce:enable.idempotence=false",
    "produce:linger.ms=5",
    "produce:queue.buffering.max.messages=100000",
    "consume:check.crcs=false",
    "consume:enable.auto.commit=false",
    "consume:fetch.queue.backoff.ms=5",
)
AT_ONCE = (*(setting for setting in EQUAL if "linger" not in setting), "produce:linger.ms=0")

CONSUME = 800_000  # Messages of 100 bytes that each run reads; fewer of larger ones, and of slow ways.
PRODUCE = 400_000
SLOW = {
    "py/aio_poll": 100,
    "py/aio_produce": 5,
    "py-aiokafka/produce": 5,
    "py-aiokafka/poll": 4,
    "py-ours/aio_produce": 5,
}
SELDOM = 4  # What is no target is measured in each so many rounds.
LESS = {16: 1.0, 100: 1.0, 1024: 0.4, 10240: 0.06}

# Each way, and what it is compared with.
CONSUME_ALL = (
    ("raw/callback", ""),
    ("raw/batch", "raw/callback"),
    ("raw/event", "raw/callback"),
    ("raw/poll", "raw/callback"),
    ("krs/batch", "raw/callback"),
    ("krs/poll", "raw/poll"),
    ("go/poll", ""),
    ("go-older/poll", "go/poll"),
    ("go-ours/poll", "go/poll"),
    ("go/read", ""),
    ("go-older/read", "go/read"),
    ("go-ours/read", "go/read"),
    ("go/events", ""),
    ("go-older/events", "go/events"),
    ("go-ours/events", "go/events"),
    ("go-franz/poll", ""),
    ("go-ours/batch", "go-franz/poll"),
    ("go-ours/reuse", "go-franz/poll"),
    ("py/poll", ""),
    ("py-ours/poll", "py/poll"),
    ("py/consume", ""),
    ("py-ours/consume", "py/consume"),
    ("py-ours/arrow", "py/consume"),
    ("py/aio_poll", ""),
    ("py-ours/aio_poll", "py/aio_poll"),
    ("py-aiokafka/poll", "py/aio_poll"),
    ("py/aio_consume", ""),
    ("py-ours/aio_consume", "py/aio_consume"),
    ("py-aiokafka/consume", "py/aio_consume"),
)
PRODUCE_ALL = (
    ("raw/produce", ""),
    ("krs/produce", "raw/produce"),
    ("krs/produce_batch", "raw/produce"),
    ("go/produce", ""),
    ("go-older/produce", "go/produce"),
    ("go-ours/produce", "go/produce"),
    ("go/channel", ""),
    ("go-older/channel", "go/channel"),
    ("go-ours/channel", "go/channel"),
    ("go-franz/produce", "go/produce"),
    ("py/produce", ""),
    ("py-ours/produce", "py/produce"),
    ("py/produce_told", ""),
    ("py-ours/produce_told", "py/produce_told"),
    ("py-ours/produce_told_lists", "py/produce_told"),
    ("py/produce_batch", ""),
    ("py-ours/produce_batch", "py/produce_batch"),
    ("py/aio_produce", ""),
    ("py-ours/aio_produce", "py/aio_produce"),
    ("py-aiokafka/produce", "py/aio_produce"),
)
Ways = tuple[tuple[str, str], ...]


def only(ways: Ways, names: str) -> Ways:
    """Those of these names."""
    return tuple(way for way in ways if way[0] in names.split())


# The ways that are measured with several kinds of messages.
CONSUME_MAIN = only(
    CONSUME_ALL,
    "raw/callback raw/batch krs/batch go/poll go-ours/poll go/events go-ours/events go-franz/poll go-ours/reuse"
    " py/consume py-ours/consume py-ours/arrow",
)
PRODUCE_MAIN = only(
    PRODUCE_ALL,
    "raw/produce krs/produce krs/produce_batch go/produce go-ours/produce go-franz/produce"
    " py/produce_told py-ours/produce_told",
)
CONSUME_OLDER = only(CONSUME_ALL, "go/poll go-older/poll go/read go-older/read go/events go-older/events")
PRODUCE_OLDER = only(PRODUCE_ALL, "go/produce go-older/produce go/channel go-older/channel")
CONSUME_SAMPLE = only(
    CONSUME_ALL,
    "raw/callback krs/batch go/poll go-ours/poll go-franz/poll go-ours/reuse py/consume py-ours/consume",
)
PRODUCE_SAMPLE = only(
    PRODUCE_ALL,
    "raw/produce krs/produce go/produce go-ours/produce go-franz/produce py/produce_told py-ours/produce_told",
)
CONSUME_DEFAULT = only(
    CONSUME_ALL, "go/poll go-ours/poll go-franz/poll py/poll py-ours/poll py/consume py-ours/consume"
)
PRODUCE_DEFAULT = only(PRODUCE_ALL, "go/produce go-ours/produce go-franz/produce py/produce_told py-ours/produce_told")
QUICK_CONSUME = only(
    CONSUME_ALL,
    "raw/callback krs/batch go/poll go-ours/poll go/events go-ours/events go-franz/poll go-ours/reuse"
    " py/consume py-ours/consume py-ours/arrow",
)
QUICK_PRODUCE = only(
    PRODUCE_ALL,
    "raw/produce krs/produce krs/produce_batch go/produce go-ours/produce go-franz/produce"
    " py/produce_told py-ours/produce_told",
)


def runs(ways: Ways, base: int, size: int) -> tuple[Run, ...]:
    """Of each way as many messages as take it about as long as the others."""
    found = []
    for key, against in ways:
        program, way = key.split("/")
        found.append(Run(program, way, max(1000, int(base * LESS[size] / SLOW.get(key, 1))), against))
    return tuple(found)


def consume(messages: Messages, ways: Ways, how: str = "", settings: tuple[str, ...] = EQUAL, every: int = 1) -> Case:
    title = f"Consume, {messages}{how}"
    return Case(title, messages, runs(ways, CONSUME, messages.size), settings, every=every)


def produce(messages: Messages, ways: Ways, how: str = "", settings: tuple[str, ...] = EQUAL, every: int = 1) -> Case:
    title = f"Produce, {messages}{how}"
    return Case(title, messages, runs(ways, PRODUCE, messages.size), settings, topic="new", every=every)


# ---- latency ----

LATENCY = (
    ("raw", ""),
    ("krs", "raw"),
    ("go", ""),
    ("go-ours", "go"),
    ("go-franz", "go"),
    ("py", ""),
    ("py-ours", "py"),
    ("py-aiokafka", "py"),
)
LATENCY_SECONDS = 2
# Who shares a load: 80 % of what the slowest of them can do.
LANGUAGES = {"C": ("raw", "krs"), "Go": ("go", "go-ours", "go-franz"), "Python": ("py", "py-ours", "py-aiokafka")}
LATENCY_LOW = "Latency at 1,000 messages a second"
LATENCY_HIGH = "Latency at 80 % of the maximum"


def latency(title: str, rates: dict[str, int], settings: tuple[str, ...]) -> Case:
    """End to end, at this rate of messages a second for each program."""
    found = tuple(
        Run(
            program,
            "latency",
            rates[program] * LATENCY_SECONDS,
            against and f"{against}/latency",
            (f"rate={rates[program]}",),
        )
        for program, against in LATENCY
        if program in rates
    )
    return Case(title, Messages(), found, settings, topic="each")


# ---- growth ----

CONSUMERS = "Growth: consumers in one process"
THREADS = "Growth: threads or goroutines on one producer"
PARTITIONS = "Growth: partitions of one consumer"
IDLE = "A producer that does nothing"
WAITS = "Goroutines that wait for messages"


def grow(
    title: str, way: str, name: str, numbers: tuple[int, ...], pairs: Ways, count: int, topic: str = "new"
) -> Case:
    """The same for several numbers of something."""
    found = []
    for number in numbers:
        for program, against in pairs:
            compared = f"{against}/{number}" if against else ""
            found.append(Run(program, way, count, compared, (f"{name}={number}",), label=str(number)))
    return Case(title, Messages(), tuple(found), EQUAL, topic, every=SELDOM)


PAIRS = (("raw", ""), ("krs", "raw"), ("go", ""), ("go-ours", "go"), ("go-franz", "go"), ("py", ""), ("py-ours", "py"))


def growth() -> tuple[Case, ...]:
    many = [
        replace(case, title=f"{PARTITIONS}: {partitions:,}")
        for partitions in (1, 64, 1000)
        for case in [consume(Messages(partitions=partitions), CONSUME_SAMPLE, every=SELDOM)]
    ]
    return (
        grow(IDLE, "idle", "threads", (1,), PAIRS, 0),
        grow(WAITS, "waits", "threads", (1, 50), (("go", ""), ("go-ours", "go")), 0),
        grow(CONSUMERS, "consumers", "clients", (1, 20, 200), PAIRS[:5], 20_000, "small"),
        grow(THREADS, "threads", "threads", (1, 8, 64), PAIRS, PRODUCE),
        *many,
    )


# ---- all of it ----

PLAIN = Messages()
TARGETED = (PLAIN, Messages(codec="lz4"), Messages(1024), Messages(1024, "lz4"))
SAMPLED = (Messages(16), Messages(10240), Messages(1024, "zstd"), Messages(extras=True))
BY_DEFAULT = ", out of the box"


def full(high: dict[str, int]) -> tuple[Case, ...]:
    """All of it; `high` are the rates at which latency is measured under load."""
    low = dict.fromkeys(high, 1000)
    newer = [way for way in CONSUME_ALL if "older" not in way[0]], [way for way in PRODUCE_ALL if "older" not in way[0]]
    found = [consume(PLAIN, tuple(newer[0])), produce(PLAIN, tuple(newer[1]))]
    for messages in TARGETED[1:]:
        found += [consume(messages, CONSUME_MAIN), produce(messages, PRODUCE_MAIN)]
    found += [consume(PLAIN, CONSUME_DEFAULT, BY_DEFAULT, ()), produce(PLAIN, PRODUCE_DEFAULT, BY_DEFAULT, ())]
    found += [latency(LATENCY_LOW, low, AT_ONCE), latency(LATENCY_HIGH, high, EQUAL), *growth()]
    older = ", an older version"
    found += [consume(PLAIN, CONSUME_OLDER, older, every=SELDOM), produce(PLAIN, PRODUCE_OLDER, older, every=SELDOM)]
    for messages in SAMPLED:
        found += [consume(messages, CONSUME_SAMPLE, every=SELDOM), produce(messages, PRODUCE_SAMPLE, every=SELDOM)]
    return tuple(found)


def quick() -> tuple[Case, ...]:
    """What matters most."""
    return (consume(PLAIN, QUICK_CONSUME), produce(PLAIN, QUICK_PRODUCE))


def smoke() -> tuple[Case, ...]:
    """Every way of every program, with a few messages."""
    few = Messages(extras=True)
    cases = [
        consume(PLAIN, CONSUME_ALL),
        produce(PLAIN, PRODUCE_ALL),
        consume(few, CONSUME_SAMPLE),
        produce(few, PRODUCE_SAMPLE),
        latency(LATENCY_LOW, {program: 500 for program, _ in LATENCY}, AT_ONCE),
        grow(CONSUMERS, "consumers", "clients", (2,), PAIRS, 200, "small"),
        grow(THREADS, "threads", "threads", (2,), PAIRS, 2000),
        grow(IDLE, "idle", "threads", (1,), PAIRS, 0),
        grow(WAITS, "waits", "threads", (2,), (("go", ""), ("go-ours", "go")), 0),
    ]
    return tuple(
        replace(case, runs=tuple(replace(run, messages=min(run.messages, 3000)) for run in case.runs)) for case in cases
    )


PROGRAMS = ("raw", "krs", "go", "go-older", "go-franz", "go-ours", "py", "py-aiokafka", "py-ours")
NOT_QUICK = {"go-older", "py-aiokafka"}
