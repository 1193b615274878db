"""The future of a report, which asyncio takes for one of its own."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import traceback
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest

from conftest import LIMIT, Cluster, run
from kafka_rs import KafkaError, KafkaException
from kafka_rs.aio import AIOProducer, DeliveryFuture

# Nobody answers: what is sent is pending until it is purged.
NOWHERE = {"bootstrap.servers": "127.0.0.1:1"}


@contextlib.asynccontextmanager
async def pending(count: int = 1) -> AsyncIterator[tuple[AIOProducer, list[Any]]]:
    producer = AIOProducer(NOWHERE)
    try:
        yield producer, [await producer.produce("t", "v") for _ in range(count)]
    finally:
        await producer.purge()
        await producer.close(0.1)


def told(loop: asyncio.AbstractEventLoop) -> list[dict[str, Any]]:
    """What the loop's handler of exceptions is told from now on."""
    contexts: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: contexts.append(context))
    return contexts


def test_a_report_is_waited_for_like_any_future(mocked: Cluster) -> None:
    topic = mocked.topic()

    async def main() -> None:
        async with AIOProducer({"bootstrap.servers": mocked.servers}) as producer:

            async def send() -> asyncio.Future[Any]:
                return await producer.produce(topic, "v", partition=0)

            assert (await (await send())).offset() == 0
            assert (await asyncio.wait_for(await send(), LIMIT)).offset() == 1
            assert (await asyncio.shield(await send())).offset() == 2
            some = [await send() for _ in range(3)]
            done, left = await asyncio.wait(some)
            assert done == set(some) and not left
            assert sorted([(await report).offset() for report in asyncio.as_completed(some)]) == [3, 4, 5]
            assert [message.offset() for message in await asyncio.gather(*some, *some)] == [3, 4, 5] * 2
            report = some[0]
            assert asyncio.isfuture(report) and asyncio.ensure_future(report) is report
            assert report.get_loop() is asyncio.get_running_loop()
            assert report.done() and not report.cancelled()
            assert report.exception() is None and report.result().offset() == 3
            assert not report.cancel()

    run(main())


def test_a_future_that_is_not_done_says_so_and_takes_one_outcome() -> None:
    async def main() -> None:
        async with pending() as (_, [report]):
            assert not report.done() and repr(report) == "<DeliveryFuture pending>"
            for ask in (report.result, report.exception):
                with pytest.raises(asyncio.InvalidStateError):
                    ask()
            with pytest.raises(TypeError):
                report.set_exception(StopIteration)
            for wrong in (42, int):
                with pytest.raises(TypeError):
                    report.set_exception(wrong)
            report.set_exception(KeyError)
            for again in (report.set_result, report.set_exception):
                with pytest.raises(asyncio.InvalidStateError):
                    again(ValueError())
            with pytest.raises(KeyError):
                await report

    run(main())


def test_cancelling_ends_the_wait_and_leaves_the_message() -> None:
    async def main() -> None:
        async with pending(3) as (producer, [slow, cancelled, awaited]):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(slow, 0.01)
            assert slow.cancelled()
            assert cancelled.cancel("enough") and not cancelled.cancel()
            with pytest.raises(asyncio.CancelledError, match="enough"):
                cancelled.result()

            async def wait() -> None:
                await awaited

            task = asyncio.create_task(wait())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert awaited.cancelled() and len(producer) == 3

    run(main())


def test_callbacks_are_called_in_order_and_in_their_context() -> None:
    value = contextvars.ContextVar("value", default=0)

    async def main() -> None:
        called: list[object] = []

        def note(name: str) -> Any:
            return lambda future: called.append((name, value.get(), future))

        async with pending() as (producer, [report]):
            gone = note("gone")
            value.set(1)
            report.add_done_callback(note("first"))
            report.add_done_callback(gone)
            value.set(2)
            report.add_done_callback(note("second"))
            report.add_done_callback(note("given"), context=contextvars.Context())
            report.add_done_callback(gone)
            assert report.remove_done_callback(gone) == 2 and report.remove_done_callback(gone) == 0
            await producer.purge()
            await asyncio.wait([report])
            report.add_done_callback(note("late"))
            assert called[-1] != ("late", 2, report)  # Not before the loop has its turn.
            await asyncio.sleep(0)
            assert report.exception().args[0] == KafkaError._PURGE_QUEUE
            names = [("first", 1), ("second", 2), ("given", 0), ("late", 2)]
            assert called == [(*name, report) for name in names]

    run(main())


def test_a_callback_that_raises_is_told_to_the_loop_and_the_others_are_called() -> None:
    async def main() -> None:
        failures, called = told(asyncio.get_running_loop()), []

        def fail(_: object) -> None:
            raise ArithmeticError

        async with pending(2) as (producer, reports):
            for report in reports:
                report.add_done_callback(fail)
                report.add_done_callback(called.append)
            await producer.purge()
            await asyncio.wait(reports)
            assert called == reports and all(report.exception() is not None for report in reports)
            assert [type(context["exception"]) for context in failures] == [ArithmeticError] * 2
            assert "fail" in failures[0]["message"]

    run(main())


def test_an_interrupt_in_a_callback_ends_the_loop_and_loses_no_other() -> None:
    called: list[object] = []

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    async def begin() -> tuple[AIOProducer, list[Any]]:
        producer = AIOProducer(NOWHERE)
        reports = [await producer.produce("t", "v") for _ in range(3)]
        reports[1].add_done_callback(interrupt)
        for report in reports:
            report.add_done_callback(called.append)
        await producer.purge()
        return producer, reports

    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        producer, reports = loop.run_until_complete(begin())
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(asyncio.wait_for(asyncio.sleep(LIMIT), LIMIT))
        assert called == reports[:1]
        loop.run_until_complete(asyncio.sleep(0))
        assert called == reports
        for report in reports:
            assert isinstance(report.exception(), KafkaException)
        loop.run_until_complete(producer.close(0.1))


def test_a_handler_that_ends_the_program_leaves_no_task_waiting() -> None:
    def leave(*_: object) -> None:
        raise SystemExit(3)

    def fail(_: object) -> None:
        raise ArithmeticError

    async def wait(report: asyncio.Future[Any]) -> None:
        with contextlib.suppress(KafkaException):
            await report

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(leave)
        async with pending(3) as (producer, reports):
            reports[0].add_done_callback(fail)
            tasks = [asyncio.create_task(wait(report)) for report in reports]
            await asyncio.sleep(0)
            await producer.purge()
            await asyncio.wait(tasks)

    with pytest.raises(SystemExit):
        run(main())


def test_a_call_that_the_loop_does_not_take_stops_no_other() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with pending(2) as (_, reports):
            called: list[object] = []
            for report in reports:
                report.add_done_callback(called.append)
            call_soon = loop.call_soon
            loop.call_soon = fail  # type: ignore[method-assign]
            try:
                with pytest.raises(ArithmeticError):
                    reports[0].cancel()
            finally:
                loop.call_soon = call_soon  # type: ignore[method-assign]
            assert reports[0].cancelled()
            reports[1].cancel()
            await asyncio.sleep(0)
            assert called == reports

    def fail(*_: object, **__: object) -> None:
        raise ArithmeticError

    run(main())


def test_what_a_callback_adds_or_runs_is_called() -> None:
    async def main() -> None:
        called: list[object] = []
        async with pending(2) as (producer, [first, second]):
            first.add_done_callback(lambda _: first.add_done_callback(called.append))
            second.add_done_callback(called.append)
            await producer.purge()
            await asyncio.wait([first, second])
            await asyncio.sleep(0)
            assert called == [second, first]

    run(main())


def test_a_comparison_of_callbacks_may_end_the_wait() -> None:
    async def main() -> None:
        async with pending() as (_, [report]):
            called: list[object] = []

            class Ends:
                __hash__ = object.__hash__

                def __eq__(self, other: object) -> bool:
                    report.cancel()
                    return False

            report.add_done_callback(called.append)
            assert report.remove_done_callback(Ends()) == 0
            await asyncio.sleep(0)
            assert called == [report]

    run(main())


def test_a_failure_is_raised_again_as_it_was() -> None:
    async def depth(report: asyncio.Future[Any]) -> int:
        try:
            await report
        except KafkaException as failed:
            return len(traceback.extract_tb(failed.__traceback__))
        return 0

    async def main() -> None:
        async with pending() as (producer, [report]):
            await producer.purge()
            assert [await depth(report) for _ in range(3)] == [1, 1, 1]

    run(main())


def test_an_exception_passes_a_failure_that_nobody_asked_for() -> None:
    def handle(*_: object) -> None:
        assert sum(number for number in range(3)) == 3

    async def later(producer: AIOProducer) -> None:
        await producer.purge()
        await asyncio.sleep(0.2)
        raise KeyError

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(handle)
        async with pending(0) as (producer, _):
            with pytest.raises(KeyError):
                # The future is let go of by the exception that is on its way.
                print(await producer.produce("t", "v"), await later(producer))

    run(main())


def test_a_failure_that_nobody_asks_for_is_told_to_the_loop() -> None:
    async def main() -> None:
        failures = told(asyncio.get_running_loop())
        async with pending(3) as (producer, reports):
            await producer.purge()
            await asyncio.wait(reports)
            assert reports[0].exception() is not None
            assert not reports[1].cancel()
            del reports[:]
            [context] = failures
            assert isinstance(context["exception"], KafkaException)
            assert context["message"] == "DeliveryFuture exception was never retrieved"

    run(main())


def test_a_future_leaves_nothing_behind(mocked: Cluster) -> None:
    topic = mocked.topic()

    async def send(producer: AIOProducer) -> tuple[list[asyncio.Future[Any]], list[weakref.ref[Any]]]:
        reports = [await producer.produce(topic, "v") for _ in range(100)]
        return reports, [weakref.ref(report) for report in reports]

    async def main() -> None:
        async with AIOProducer({"bootstrap.servers": mocked.servers}) as producer:
            reports, kept = await send(producer)
            for report in reports:
                await report
            del report, reports
            await asyncio.sleep(0)  # The loop lets go of the last one.
            assert not any(report() for report in kept)  # In no cycle of its own.
            reports, kept = await send(producer)
            await asyncio.gather(*reports)
            del reports
            await asyncio.sleep(0)
            gc.collect()  # gather() has one.
            assert not any(report() for report in kept)

    gc.disable()
    try:
        run(main())
    finally:
        gc.enable()


def test_a_failure_leaves_nothing_behind() -> None:
    kept: list[weakref.ref[Any]] = []

    async def fail(producer: AIOProducer, late: bool) -> None:
        report = await producer.produce("t", "v")
        kept.append(weakref.ref(report))
        while late and not report.done():
            await asyncio.sleep(0)
        await report  # The exception has this frame, which has the future.

    async def main() -> None:
        async with pending(0) as (producer, _):
            tasks = [asyncio.create_task(fail(producer, bool(number % 2))) for number in range(10)]
            await asyncio.sleep(0)
            await producer.purge()
            await asyncio.wait(tasks)
            assert all(isinstance(task.exception(), KafkaException) for task in tasks)

    run(main())
    gc.collect()
    assert len(kept) == 10 and not any(report() for report in kept)


def test_a_loop_that_is_over_leaves_nothing_behind() -> None:
    kept: list[weakref.ref[Any]] = []

    async def main() -> None:
        async with pending(0) as (producer, _):
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda *_: producer.purge)
            kept.append(weakref.ref(loop))
            await producer.produce("t", "v")

    run(main())
    gc.collect()
    assert kept[0]() is None


def test_the_type_of_a_future_can_be_written_down() -> None:
    assert DeliveryFuture[int].__origin__ is DeliveryFuture
