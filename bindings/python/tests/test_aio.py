"""asyncio: consuming and producing on the running loop, cancelling, and that other tasks run meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from conftest import LIMIT, Cluster, run
from kafka_rs import KafkaError, KafkaException, Message, MockCluster, TopicPartition
from kafka_rs.aio import AIOConsumer, AIOProducer


def consumer_of(cluster: Cluster, **conf: Any) -> AIOConsumer:
    return AIOConsumer(cluster.consumer_conf(**conf))


def test_each_produce_gives_a_future_of_its_report(cluster: Cluster) -> None:
    topic = cluster.topic()

    async def main() -> None:
        async with AIOProducer({"bootstrap.servers": cluster.servers, "linger.ms": 1}) as producer:
            reports = [await producer.produce(topic, f"{number}", partition=0) for number in range(1000)]
            messages = await asyncio.gather(*reports)
            assert [message.value() for message in messages] == [f"{number}".encode() for number in range(1000)]
            assert [message.offset() for message in messages] == list(range(1000))
            assert len(producer) == 0

    run(main())


def test_tasks_that_wait_for_room_have_their_turns() -> None:
    tasks, enough = 16, 100
    shares = [0] * tasks

    async def main(servers: str) -> None:
        async def send_on(task: int) -> None:
            # Until all have enough, or one has what all should have and some have little.
            while min(shares) < enough and max(shares) < 4 * enough:
                await producer.produce("turns", "v")
                shares[task] += 1

        conf = {"bootstrap.servers": servers, "queue.buffering.max.messages": 50, "linger.ms": 5}
        async with AIOProducer(conf) as producer:
            await asyncio.gather(*(send_on(task) for task in range(tasks)))

    with MockCluster() as cluster:
        cluster.set_broker_delay(1, 0.02)
        run(main(cluster.bootstrap_servers()))
    assert min(shares) >= enough, shares


def test_a_task_that_is_cancelled_in_line_lets_the_others_pass() -> None:
    conf = {"bootstrap.servers": "127.0.0.1:1", "queue.buffering.max.messages": 1}

    async def main() -> None:
        producer = AIOProducer(conf)
        first = await producer.produce("t", "first")
        waiting = [asyncio.create_task(producer.produce("t", f"{number}")) for number in range(4)]
        await asyncio.sleep(0)
        for gone in (waiting[0], waiting[2]):  # The head of the line, and one behind it.
            gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
        for next_one in (waiting[1], waiting[3]):
            assert not next_one.done()
            await producer.purge()
            with pytest.raises(KafkaException):
                await first
            first = await next_one
        await producer.purge()
        with pytest.raises(KafkaException):
            await first
        await producer.close(0.1)

    run(main())


def test_a_report_of_failure_raises() -> None:
    async def main() -> None:
        producer = AIOProducer({"bootstrap.servers": "127.0.0.1:1"})
        report = await producer.produce("t", "v")
        await producer.purge()
        with pytest.raises(KafkaException) as failed:
            await report
        assert failed.value.args[0] == KafkaError._PURGE_QUEUE
        await producer.close(0.1)

    run(main())


def test_a_callback_beside_a_future_obeys_only_errors_and_may_raise(mocked: Cluster) -> None:
    async def run() -> None:
        conf = {"bootstrap.servers": mocked.servers, "delivery.report.only.error": True}
        called: list[object] = []
        async with AIOProducer(conf) as producer:
            report = await producer.produce("t", b"1", on_delivery=lambda *_: called.append(1))
            assert (await asyncio.wait_for(report, LIMIT)).value() == b"1"
            assert not called
        del conf["delivery.report.only.error"]
        producer = AIOProducer(conf)

        def fail(*_: object) -> None:
            raise ArithmeticError

        reports = [await producer.produce("t", b"2", on_delivery=fail), await producer.produce("t", b"3")]
        await asyncio.wait_for(asyncio.gather(*reports), LIMIT)
        with pytest.raises(ArithmeticError):
            await producer.flush(LIMIT)
        assert await producer.flush(LIMIT) == 0
        await producer.close(LIMIT)

    asyncio.run(run())


def test_close_settles_every_future() -> None:
    async def main() -> None:
        producer = AIOProducer({"bootstrap.servers": "127.0.0.1:1"})
        report = await producer.produce("t", "v")
        assert await producer.close(0.2) is False
        with pytest.raises(KafkaException):
            await report
        with pytest.raises(RuntimeError):
            await producer.produce("t", "v")

    run(main())


def test_produce_waits_for_room(cluster: Cluster) -> None:
    topic = cluster.topic()

    async def main() -> None:
        conf = {"bootstrap.servers": cluster.servers, "queue.buffering.max.messages": 10, "linger.ms": 1}
        async with AIOProducer(conf) as producer:
            reports = [await producer.produce(topic, "v") for _ in range(200)]
            assert len(await asyncio.gather(*reports)) == 200

    run(main())


def test_async_for_gives_messages_in_order(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 2000)

    async def main() -> None:
        async with consumer_of(cluster) as consumer:
            await consumer.subscribe([topic])
            offsets = []
            async for message in consumer:
                assert message.error() is None
                offsets.append(message.offset())
                if len(offsets) == 2000:
                    break
            assert offsets == list(range(2000))

    run(main())


def test_a_wait_uses_no_thread_and_lets_others_run(cluster: Cluster) -> None:
    topic = cluster.topic()

    async def main() -> None:
        async with consumer_of(cluster) as consumer:
            await consumer.subscribe([topic])
            await consumer.poll(0.1)
            threads = threading.active_count()
            waiting = [asyncio.create_task(consumer.poll(1.0)) for _ in range(20)]
            turns = 0
            start = time.monotonic()
            while not all(task.done() for task in waiting):
                await asyncio.sleep(0.001)
                turns += 1
                assert threading.active_count() == threads
            assert turns > 100 and time.monotonic() - start >= 0.9

    run(main())


def test_a_cancelled_receive_loses_nothing(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 300)

    async def main() -> None:
        async with consumer_of(cluster) as consumer:
            await consumer.subscribe([topic])
            seen: list[Message] = []

            async def read() -> None:
                while True:
                    message = await consumer.poll()
                    assert message is not None
                    seen.append(message)
                    await asyncio.sleep(0)

            while len(seen) < 300:
                before = len(seen)
                task = asyncio.create_task(read())
                await asyncio.sleep(0.002)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert len(seen) >= before
            assert [message.offset() for message in seen] == list(range(300))

    run(main())


def test_a_timeout_of_asyncio_ends_a_wait(mocked: Cluster) -> None:
    async def main() -> None:
        async with consumer_of(mocked) as consumer:
            await consumer.subscribe([mocked.topic()])
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await consumer.poll()
            start = time.monotonic()
            assert await consumer.poll(0.2) is None
            assert await consumer.consume(10, 0.1) == []
            assert len(await consumer.consume_arrow(10, 0.1)) == 0
            assert time.monotonic() - start >= 0.4

    run(main())


def test_consume_gives_lists_and_columns(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 500)

    async def main() -> None:
        async with consumer_of(cluster) as consumer:
            await consumer.assign([TopicPartition(topic, 0, 0)])
            offsets: list[int | None] = []
            while len(offsets) < 250:
                offsets += [message.offset() for message in await consumer.consume(50)]
            while len(offsets) < 500:
                offsets += list((await consumer.consume_arrow(50)).offsets)
            assert offsets == list(range(500))

    run(main())


def test_iteration_ends_when_the_consumer_closes(mocked: Cluster) -> None:
    async def main() -> None:
        consumer = consumer_of(mocked)
        await consumer.subscribe([mocked.topic()])

        async def read() -> list[Message]:
            return [message async for message in consumer]

        task = asyncio.create_task(read())
        await asyncio.sleep(0.1)
        await consumer.close()
        assert await task == []
        with pytest.raises(RuntimeError):
            await consumer.poll(0)

    run(main())


def test_all_of_a_consumer_can_be_awaited(cluster: Cluster) -> None:
    topic = cluster.topic()
    cluster.fill(topic, 10)
    place = TopicPartition(topic, 0)
    told: list[tuple[object, list[TopicPartition]]] = []
    stats: list[str] = []

    async def on_stats(text: str) -> None:
        await asyncio.sleep(0)
        stats.append(text)

    async def main() -> None:
        conf = {"enable.auto.commit": False, "stats_cb": on_stats, "statistics.interval.ms": 20}
        async with consumer_of(cluster, **conf) as consumer:
            await consumer.subscribe([topic], on_assign=lambda who, partitions: told.append((who, partitions)))
            for _ in range(5):
                assert (await consumer.poll()) is not None
            assert told[0][0] is consumer and place in told[0][1]
            assert place in await consumer.assignment()
            assert (await consumer.position([place]))[0].offset == 5
            committed = await consumer.commit(asynchronous=False) or []
            assert 5 in [partition.offset for partition in committed]
            assert (await consumer.committed([place], LIMIT))[0].offset == 5
            await consumer.pause([place])
            await consumer.resume([place])
            await consumer.seek(TopicPartition(topic, 0, 8))
            message = await consumer.poll()
            assert message is not None and message.offset() == 8
            assert (await consumer.get_watermark_offsets(place, LIMIT)) == (0, 10)
            assert topic in (await consumer.list_topics(timeout=LIMIT)).topics
            assert await consumer.memberid() and await consumer.consumer_group_metadata()
            with pytest.raises(TypeError):
                await consumer.subscribe([topic], on_assign=on_stats)
            while not stats:
                await consumer.poll(0.05)
            await consumer.unsubscribe()

    run(main())


def test_a_transaction_can_be_awaited(cluster: Cluster) -> None:
    topic = cluster.topic()

    async def main() -> None:
        conf = {"bootstrap.servers": cluster.servers, "transactional.id": cluster.group()}
        async with AIOProducer(conf) as producer:
            await producer.init_transactions(LIMIT)
            await producer.begin_transaction()
            report = await producer.produce(topic, "v", partition=0)
            await producer.commit_transaction(LIMIT)
            assert (await report).offset() == 0
            await producer.begin_transaction()
            await producer.abort_transaction(LIMIT)

    run(main())
