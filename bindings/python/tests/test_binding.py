"""The binding itself: its declarations, what it shows to others, what it leaves behind."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import pytest

import kafka_rs
from conftest import LIMIT, Cluster, receive, until
from kafka_rs import Consumer, KafkaError, KafkaException, Producer, _native

HERE = Path(__file__).parent
HEADER = HERE / "../../../include/kafka_rs.h"


def without_comments(text: str) -> str:
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)


def c_functions() -> dict[str, list[str]]:
    """Each function of the header, with the types of its arguments."""
    found = re.findall(r"\n\w[\w ]*[\s*](krs_\w+)\(([^)]*)\);", without_comments(HEADER.read_text()))
    return {name: [kind(argument) for argument in arguments.split(",")] for name, arguments in found}


def kind(argument: str) -> str:
    """A C or Rust argument in a form that both share: stars and the name of the type."""
    argument = argument.strip()
    if ":" in argument:
        argument = argument.split(":", 1)[1].strip()
        stars = argument.count("*")
        name = argument.replace("*const ", "").replace("*mut ", "").strip()
    else:
        stars = argument.count("*")
        words = argument.replace("*", " ").replace("const", " ").split()
        name = words[0] if words else ""
    same = {
        "char": "c_char",
        "int": "c_int",
        "uint8_t": "u8",
        "uint32_t": "u32",
        "int32_t": "i32",
        "uint64_t": "u64",
        "int64_t": "i64",
        "size_t": "usize",
    }
    return "*" * stars + same.get(name, name)


def test_the_declared_functions_are_those_of_the_header() -> None:
    rust = without_comments((HERE / "../src/ffi.rs").read_text())
    declared = re.findall(r"pub fn (krs_\w+)\(([^)]*)\)", rust)
    assert len(declared) > 40
    header = c_functions()
    for name, arguments in declared:
        mine = [kind(argument) for argument in arguments.split(",") if argument.strip()]
        theirs = [] if header[name] == ["void"] else header[name]
        assert mine == theirs, name


def test_the_declared_structs_have_the_fields_of_the_header() -> None:
    rust = without_comments((HERE / "../src/ffi.rs").read_text())
    header = without_comments(HEADER.read_text())
    structs = re.findall(r"pub struct (krs_\w+) \{([^}]*)\}", rust)
    checked = 0
    for name, body in structs:
        mine = re.findall(r"pub (\w+): ([^,]+),", body)
        if not mine:
            continue
        (c_body,) = re.findall(rf"typedef struct {name} \{{([^}}]*)\}} {name};", header)
        theirs = re.findall(r"([^;]+?)(\w+)(\[\d+\])?;", c_body)
        assert [field for field, _ in mine] == [field for _, field, _ in theirs], name
        for (field, rust_type), (c_type, _, size) in zip(mine, theirs, strict=True):
            if not size:
                assert kind(f"{field}: {rust_type}") == kind(c_type), f"{name}.{field}"
        checked += 1
    assert checked >= 10


def test_nothing_but_the_module_is_visible() -> None:
    shown = subprocess.run(
        ["nm", "-D", "--defined-only", _native.__file__ or ""], capture_output=True, text=True, check=True
    )
    assert [line.split()[-1] for line in shown.stdout.splitlines()] == ["PyInit__native"]


def test_every_public_name_is_documented() -> None:
    for module in (kafka_rs, kafka_rs.Consumer, kafka_rs.Producer, kafka_rs.Message, kafka_rs.Channel):
        names = kafka_rs.__all__ if module is kafka_rs else [n for n in dir(module) if not n.startswith("_")]
        for name in names:
            value = getattr(module, name)
            if callable(value) and not name.startswith("set_"):
                assert value.__doc__, name


def test_it_works_beside_confluent_kafka_in_one_process(mocked: Cluster) -> None:
    peer: Any = pytest.importorskip("confluent_kafka")
    topic = mocked.topic()
    theirs = peer.Producer({"bootstrap.servers": mocked.servers, "log_level": 0})
    theirs.produce(topic, "theirs", partition=0)
    assert theirs.flush(LIMIT) == 0
    ours = mocked.producer()
    ours.produce(topic, "ours", partition=0)
    assert ours.flush(LIMIT) == 0
    assert [message.value() for message in receive(mocked.consumer(topic), 2)] == [b"theirs", b"ours"]


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def threads() -> int:
    return len(os.listdir("/proc/self/task"))


def memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("cycles", [1000 if os.environ.get("KRS_TEST_LONG") else 100])
def test_a_client_that_was_closed_leaves_nothing_behind(mocked: Cluster, cycles: int) -> None:
    topic = mocked.topic()

    def cycle() -> None:
        with Producer({"bootstrap.servers": mocked.servers, "linger.ms": 0}) as producer:
            producer.produce(topic, b"x" * 1000, headers={"a": "b"}, on_delivery=lambda *_: None)
        with Consumer({"bootstrap.servers": mocked.servers, "group.id": "leaks"}) as consumer:
            consumer.poll(0)

    for _ in range(20):
        cycle()
    gc.collect()
    before = (open_files(), threads(), memory())
    for _ in range(cycles):
        cycle()
    gc.collect()
    until(lambda: threads() <= before[1], lambda: time.sleep(0.01))
    assert open_files() <= before[0]
    assert memory() - before[2] < 16 << 20


def test_a_client_that_is_forgotten_is_closed(mocked: Cluster) -> None:
    before = threads()
    for make in (
        lambda: Producer({"bootstrap.servers": mocked.servers}),
        lambda: Consumer({"bootstrap.servers": mocked.servers, "group.id": "g"}),
    ):
        client = make()
        gone = weakref.ref(client)
        del client
        gc.collect()
        assert gone() is None
    until(lambda: threads() <= before, lambda: time.sleep(0.01))


def test_a_client_whose_callbacks_lead_back_to_it_is_collected(mocked: Cluster) -> None:
    class App:
        def __init__(self, kind: Any, **conf: Any) -> None:
            names = dict.fromkeys(conf.pop("names"), self.told)
            self.client = kind({"bootstrap.servers": mocked.servers, **names, **conf})

        def told(self, *_: Any) -> None:
            pass

    before = threads()
    for make in (
        lambda: App(Producer, names=["on_delivery", "error_cb"]),
        lambda: App(Producer, names=["on_delivery_batch", "stats_cb"]),
        lambda: App(Consumer, names=["on_commit", "error_cb"], **{"group.id": "g"}),
    ):
        app = make()
        gone = weakref.ref(app.client)
        del app
        gc.collect()
        assert gone() is None
    until(lambda: threads() <= before, lambda: time.sleep(0.01))


def test_messages_do_not_leak(mocked: Cluster) -> None:
    topic = mocked.topic()
    mocked.fill(topic, 2000)
    consumer = mocked.consumer()
    before = 0
    for turn in range(12):
        consumer.assign([kafka_rs.TopicPartition(topic, 0, 0)])
        count = 0
        while count < 2000:
            for message in consumer.consume(500, 1.0):
                assert message.error() is None
                message.set_value({"some": "object"})
                message.key(), message.headers(), message.topic()
                count += 1
        if turn == 3:
            gc.collect()
            before = memory()
    gc.collect()
    assert memory() - before < 16 << 20


def test_an_exit_with_open_clients_is_clean(mocked: Cluster) -> None:
    program = f"""
import kafka_rs
producer = kafka_rs.Producer({{"bootstrap.servers": {mocked.servers!r}}})
producer.produce("t", "v")
consumer = kafka_rs.Consumer({{"bootstrap.servers": {mocked.servers!r}, "group.id": "g"}})
consumer.subscribe(["t"])
consumer.poll(0.2)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=LIMIT, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


OAUTH = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanisms": "OAUTHBEARER", "bootstrap.servers": "127.0.0.1:1"}


@pytest.mark.parametrize("kind", [Producer, Consumer])
def test_a_client_is_made_with_its_first_token(kind: Any) -> None:
    asked: list[str] = []

    def token(config: str) -> tuple[str, float, str, dict[str, str]]:
        asked.append(config)
        return "token", time.time() + 3600, "someone", {"extension": "value"}

    client = kind({**OAUTH, "oauth_cb": token, "sasl.oauthbearer.config": "what", "group.id": "g"})
    assert asked == ["what"]
    client.close(0.1)


def test_a_token_that_cannot_be_had_is_told() -> None:
    errors: list[KafkaError] = []

    def fail(config: str) -> tuple[str, float]:
        raise ValueError("no token today")

    producer = Producer({**OAUTH, "oauth_cb": fail, "error_cb": errors.append})
    until(lambda: [error for error in errors if "no token today" in error.str()], lambda: producer.poll(0.2))
    producer.close(0.1)


def test_credentials_can_be_changed(mocked: Cluster) -> None:
    for client in (mocked.producer(), mocked.consumer()):
        client.set_sasl_credentials("user", "password")
    with pytest.raises(ValueError, match="NUL"):
        mocked.producer().set_sasl_credentials("user\0", "password")


def test_a_mock_cluster_is_a_context() -> None:
    with kafka_rs.MockCluster(brokers=3) as cluster:
        servers = cluster.bootstrap_servers()
        assert servers.count(":") == 3
        cluster.create_topic("t", partitions=2, replication_factor=3)
        with pytest.raises(KafkaException):
            cluster.create_topic("t")
        with Producer({"bootstrap.servers": servers}) as producer:
            metadata = producer.list_topics("t", timeout=LIMIT)
        assert len(metadata.topics["t"].partitions) == 2 and len(metadata.brokers) == 3
    cluster.close()
    with pytest.raises(RuntimeError, match="closed"):
        cluster.bootstrap_servers()
    with pytest.raises(ValueError):
        kafka_rs.MockCluster(brokers=0)


def test_callbacks_run_in_the_thread_that_polls(mocked: Cluster) -> None:
    topic = mocked.topic()
    ran: list[int] = []
    producer = mocked.producer()
    producer.produce(topic, "v", on_delivery=lambda *_: ran.append(threading.get_ident()))
    thread = threading.Thread(target=producer.flush, args=(LIMIT,))
    thread.start()
    thread.join(LIMIT)
    assert ran == [thread.ident]
