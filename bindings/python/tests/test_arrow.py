"""consume_arrow: columns that pyarrow, polars, duckdb and numpy read without a copy."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from conftest import LIMIT, Cluster, receive
from kafka_rs import ArrowRows, Consumer, KafkaError

COUNT = 300


def rows_of(cluster: Cluster, **conf: Any) -> tuple[str, list[ArrowRows], Consumer]:
    topic = cluster.topic()
    producer = cluster.producer()
    for number in range(COUNT):
        producer.produce(
            topic,
            None if number % 7 == 0 else f"value {number}",
            key=None if number % 5 == 0 else f"k{number}",
            partition=0,
            timestamp=1_600_000_000_000 + number,
            headers={"n": str(number), "none": None} if number % 3 == 0 else None,
        )
    producer.flush(LIMIT)
    consumer = cluster.consumer(topic, **conf)
    batches = []
    while sum(map(len, batches)) < COUNT:
        batch = consumer.consume_arrow(128, LIMIT)
        assert len(batch) <= 128 and (len(batch) or batch.errors)
        batches.append(batch)
    return topic, batches, consumer


def expected(topic: str) -> list[dict[str, Any]]:
    return [
        {
            "topic": topic,
            "partition": 0,
            "offset": number,
            "timestamp": 1_600_000_000_000 + number,
            "timestamp_type": 1,
            "key": None if number % 5 == 0 else f"k{number}".encode(),
            "value": None if number % 7 == 0 else f"value {number}".encode(),
            "headers": [{"key": "n", "value": str(number).encode()}, {"key": "none", "value": None}]
            if number % 3 == 0
            else [],
        }
        for number in range(COUNT)
    ]


def plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "timestamp": int(row["timestamp"].timestamp() * 1000 + 0.5)} for row in rows]


def test_pyarrow_reads_the_columns(cluster: Cluster) -> None:
    pa = pytest.importorskip("pyarrow")
    topic, batches, consumer = rows_of(cluster)
    tables = [pa.record_batch(batch) for batch in batches]
    del batches
    consumer.close()
    gc.collect()
    for table in tables:
        table.validate(full=True)
    table = pa.Table.from_batches(tables)
    assert plain(table.to_pylist()) == expected(topic)
    assert [str(field.type) for field in table.schema] == [
        "dictionary<values=large_string, indices=int32, ordered=0>",
        "int32",
        "int64",
        "timestamp[ms, tz=UTC]",
        "int8",
        "large_binary",
        "large_binary",
        "list<item: struct<key: large_string not null, value: large_binary> not null>",
    ]


def test_pyarrow_reads_a_stream_more_than_once(mocked: Cluster) -> None:
    pa = pytest.importorskip("pyarrow")
    topic, batches, _ = rows_of(mocked)
    for _ in range(2):
        readers = [pa.RecordBatchReader.from_stream(batch) for batch in batches]
        rows = [row for reader in readers for row in reader.read_all().to_pylist()]
        assert plain(rows) == expected(topic)


def test_polars_reads_the_columns(cluster: Cluster) -> None:
    pl = pytest.importorskip("polars")
    topic, batches, _ = rows_of(cluster)
    frame = pl.concat([pl.DataFrame(batch) for batch in batches])
    assert frame.height == COUNT
    assert plain(frame.to_dicts()) == expected(topic)


def test_duckdb_reads_the_columns(mocked: Cluster) -> None:
    duckdb = pytest.importorskip("duckdb")
    _, batches, _ = rows_of(mocked)
    total = 0
    for batch in batches:
        # duckdb finds the variable by its name, and asks for the stream more than once.
        ((count, last),) = duckdb.sql('SELECT count(*), max("offset") FROM batch WHERE value IS NOT NULL').fetchall()
        assert last == max(message.offset() or 0 for message in batch if message.value() is not None)
        total += count
    assert total == sum(1 for number in range(COUNT) if number % 7)


def test_numpy_sees_the_numbers_without_a_copy(cluster: Cluster) -> None:
    np = pytest.importorskip("numpy")
    _, batches, _ = rows_of(cluster)
    offsets = [np.asarray(batch.offsets) for batch in batches]
    del batches
    gc.collect()
    assert all(not column.flags.owndata and not column.flags.writeable for column in offsets)
    assert np.concatenate(offsets).tolist() == list(range(COUNT))


def test_the_views_have_the_numbers(mocked: Cluster) -> None:
    _, batches, _ = rows_of(mocked)
    assert [number for batch in batches for number in batch.offsets] == list(range(COUNT))
    assert {number for batch in batches for number in batch.partitions} == {0}
    assert batches[0].timestamps[0] == 1_600_000_000_000
    with pytest.raises(TypeError):
        batches[0].offsets[0] = 5


def test_rows_are_messages_too(mocked: Cluster) -> None:
    topic, batches, _ = rows_of(mocked)
    batch = batches[0]
    assert (batch[1].value(), batch[1].offset(), batch[-1].offset()) == (b"value 1", 1, len(batch) - 1)
    with pytest.raises(IndexError):
        batch[len(batch)]
    assert batch.positions() == [(topic, 0, len(batch))]


def test_ends_of_partitions_stay_out_of_the_columns(cluster: Cluster) -> None:
    _, batches, consumer = rows_of(cluster, **{"enable.partition.eof": True})
    seen = [error.error() for batch in batches for error in batch.errors]
    while KafkaError(KafkaError._PARTITION_EOF) not in seen:
        batch = consumer.consume_arrow(10, LIMIT)
        assert len(batch) == 0
        seen += [error.error() for error in batch.errors]


def test_poll_goes_on_where_the_columns_end(mocked: Cluster) -> None:
    topic = mocked.topic()
    mocked.fill(topic, 50)
    consumer = mocked.consumer(topic)
    assert [m.value() for m in receive(consumer, 2)] == [b"v0", b"v1"]
    batch = consumer.consume_arrow(10, LIMIT)
    assert batch[0].value() == b"v2"
    (after,) = receive(consumer, 1)
    assert after.offset() == 2 + len(batch)


def test_no_rows_are_an_empty_table(mocked: Cluster) -> None:
    pa = pytest.importorskip("pyarrow")
    consumer = mocked.consumer(mocked.topic())
    for batch in (consumer.consume_arrow(10, 0), consumer.consume_arrow(0, -1)):
        table = pa.record_batch(batch)
        table.validate(full=True)
        assert (len(batch), table.num_rows, table.num_columns, batch.errors) == (0, 0, 8, [])


def test_capsules_that_nobody_takes_free_their_memory(mocked: Cluster) -> None:
    _, batches, _ = rows_of(mocked)
    for _ in range(1000):
        batches[0].__arrow_c_array__()
        batches[0].__arrow_c_schema__()
        batches[0].__arrow_c_stream__()
