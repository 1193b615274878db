"""kafka_rs under the name of its peer."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from conftest import LIMIT, Cluster


def run(program: str, quiet: bool = True) -> str:
    command = [sys.executable, "-W", "error", "-c", "import kafka_rs; kafka_rs.as_confluent_kafka()\n" + program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr
    assert not (quiet and done.stderr), done.stderr
    return done.stdout


def test_imports_of_the_peer_give_this_package(mocked: Cluster) -> None:
    program = f"""
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.cimpl import Consumer as same
from confluent_kafka.admin import AdminClient, NewTopic
from confluent_kafka.aio import AIOConsumer
from confluent_kafka.error import ConsumeError
from confluent_kafka.serialization import StringSerializer
import confluent_kafka, kafka_rs.cimpl
assert confluent_kafka is kafka_rs and Consumer is same is kafka_rs.Consumer
assert confluent_kafka.cimpl is kafka_rs.cimpl
kafka_rs.as_confluent_kafka()
producer = confluent_kafka.Producer({{"bootstrap.servers": {mocked.servers!r}}})
producer.produce("t", "v")
print(producer.flush(20))
"""
    assert run(program) == "0\n"


@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("confluent_kafka", "fastavro", "httpx")),
    reason="confluent-kafka[schemaregistry,avro] is not installed",
)
def test_the_peers_schema_registry_runs_on_top(mocked: Cluster) -> None:
    program = f"""
import sys, warnings
warnings.simplefilter("ignore")
from confluent_kafka import DeserializingConsumer, SerializingProducer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import SerializationError
import kafka_rs.serialization
schema = '{{"type": "record", "name": "Order", "fields": [{{"name": "n", "type": "int"}}]}}'
client = SchemaRegistryClient.new_client({{"url": "mock://orders"}})
producer = SerializingProducer(
    {{"bootstrap.servers": {mocked.servers!r}, "value.serializer": AvroSerializer(client, schema)}}
)
producer.produce("avro", value={{"n": 42}})
assert producer.flush(20) == 0
consumer = DeserializingConsumer(
    {{
        "bootstrap.servers": {mocked.servers!r},
        "group.id": "avro",
        "auto.offset.reset": "earliest",
        "value.deserializer": AvroDeserializer(client),
    }}
)
consumer.subscribe(["avro"])
print(consumer.poll(20).value())
consumer.close()
assert SerializationError is kafka_rs.serialization.SerializationError
assert not [name for name, module in sys.modules.items() if "cimpl.cpython" in str(getattr(module, "__file__", ""))]
"""
    # What it is built on warns about its own dependencies.
    assert run(program, quiet=False) == "{'n': 42}\n"


def test_it_refuses_to_stand_in_for_what_is_there() -> None:
    pytest.importorskip("confluent_kafka")
    program = "import confluent_kafka, kafka_rs\nkafka_rs.as_confluent_kafka()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=LIMIT, check=False)
    assert "has been imported already" in done.stderr
