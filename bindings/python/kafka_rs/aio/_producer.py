"""AIOProducer."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from types import TracebackType
from typing import Any, Self

from .._cluster import ClusterMetadata
from .._native import DeliveryFuture, LoopCalls, Message
from .._partitions import TopicPartition
from .._producer import Producer, settle
from .._types import Data, DeliveryCallback, HeadersType
from ._ready import Ready, after, is_over

# After so many messages without a wait the loop gets a turn.
_TURN = 200


class _Producer(Producer):
    """A producer whose futures are settled by the AIOProducer that has it."""

    def __init__(self, conf: dict[str, Any], settle_there: Callable[[list[Any], list[Message]], None]) -> None:
        super().__init__(conf)
        self._settle_there = weakref.WeakMethod(settle_there)

    def _settle(self, futures: list[Any], reports: list[Message]) -> None:
        settle_there = self._settle_there()
        if settle_there is not None:
            settle_there(futures, reports)


class _Told:
    """A future and a callback of the same message."""

    __slots__ = ("callback", "done", "future")

    def __init__(self, future: asyncio.Future[Message], callback: DeliveryCallback) -> None:
        self.future = future
        self.callback = callback
        self.done = future.done


class AIOProducer:
    """A producer for asyncio: produce() queues a message and gives a future of its report.

    >>> async with AIOProducer({"bootstrap.servers": "localhost:9092"}) as producer:
    ...     report = await producer.produce("orders", b"42")
    ...     message = await report
    ...     print(message.offset())

    Reports arrive on the running loop, with no thread in between. ``max_workers``, ``batch_size`` and
    ``buffer_timeout`` are taken for compatibility: messages are not buffered here, librdkafka does that
    (``linger.ms``).
    """

    def __init__(
        self,
        producer_conf: dict[str, Any],
        max_workers: int = 4,
        executor: Executor | None = None,
        batch_size: int = 1000,
        buffer_timeout: float = 1.0,
    ) -> None:
        self._producer = _Producer(producer_conf, self._settle)
        self._send = self._producer._produce_awaited
        self._executor = executor
        self._ready: Ready | None = None
        self._reading: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._calls: LoopCalls | None = None
        self._thread = 0
        self._turn = 0
        self._untold = 0
        self._callbacks = 0  # Messages without a report that have one.
        self._told = asyncio.Event()
        self._line = asyncio.Lock()
        self._waiting = 0
        self._failed: BaseException | None = None

    def _start(self) -> LoopCalls:
        self._loop = asyncio.get_running_loop()
        self._calls = LoopCalls(self._loop)
        self._thread = threading.get_ident()
        self._loop.add_reader(self._producer._fd(), self._read)
        return self._calls

    def _read(self) -> None:
        try:
            self._producer.poll(0)
        except Exception as error:
            # Of a callback: whoever calls next is told.
            self._failed = error
        self._told.set()

    def _check(self) -> None:
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed

    async def produce(
        self,
        topic: str,
        value: Data | None = None,
        key: Data | None = None,
        partition: int = -1,
        callback: DeliveryCallback | None = None,
        on_delivery: DeliveryCallback | None = None,
        timestamp: int = 0,
        headers: HeadersType | None = None,
    ) -> asyncio.Future[Message]:
        """Queues a message, waiting while there is no room, and gives a future of its report.

        Tasks that wait for room have their turns, in the order in which they came.
        The future gives the Message, or raises KafkaException. Cancelling it does not take the message back. It is
        a DeliveryFuture, which asyncio takes for one of its own.
        """
        calls = self._calls or self._start()
        if self._failed is not None:
            self._check()
        self._turn += 1
        if self._turn > _TURN:
            self._turn = 0
            await asyncio.sleep(0)
        call = callback or on_delivery
        if call is None and not self._waiting:
            report = self._send(calls, topic, value, key, partition, timestamp, headers)
            if report is not None:
                self._untold += 1
                return report
        report = DeliveryFuture(calls)
        told = report if call is None else _Told(report, call)
        message = (told, topic, value, key, partition, timestamp, headers)
        if self._waiting or not self._has_queued(message):
            await self._wait_in_line(message)
        self._untold += 1
        self._callbacks += call is not None
        return report

    def _has_queued(self, message: tuple[Any, ...]) -> bool:
        try:
            self._producer._produce_for(*message)
        except BufferError:
            return False
        return True

    async def _wait_in_line(self, message: tuple[Any, ...]) -> None:
        """Queues it when there is room, and who has waited longer has queued theirs."""
        self._waiting += 1
        try:
            async with self._line:
                while not self._has_queued(message):
                    before = self._untold
                    self._read()
                    if self._untold == before:
                        # Nothing was reported yet; the next report makes room.
                        self._told.clear()
                        await self._told.wait()
                    self._check()
        finally:
            self._waiting -= 1

    def _settle(self, futures: list[Any], reports: list[Message]) -> None:
        loop, calls = self._loop, self._calls
        if loop is None or calls is None:  # Nothing was sent.
            return
        if threading.get_ident() != self._thread:
            loop.call_soon_threadsafe(self._settle, futures, reports)
            return
        self._untold -= len(futures)
        self._told.set()
        try:
            if self._callbacks:
                self._settle_and_call_back(futures, reports)
            else:
                calls.settle(futures, reports)
        except BaseException:
            # Those that it left are given again.
            self._untold += sum(not future.done() for future in futures)
            raise

    def _settle_and_call_back(self, futures: list[asyncio.Future[Message] | _Told], reports: list[Message]) -> None:
        for future, report in zip(futures, reports, strict=True):
            if not future.done():
                settle(future.future if isinstance(future, _Told) else future, report)
            if isinstance(future, _Told):
                self._callbacks -= 1
                self._call_back(future.callback, report)

    def _call_back(self, callback: DeliveryCallback, report: Message) -> None:
        error = report.error()
        if error is None and self._producer._options.only_errors:
            return
        try:
            callback(error, report)
        except Exception as failed:
            # Whoever calls next is told; the other futures are settled.
            self._failed = failed

    async def poll(self, timeout: float = 0) -> int:
        """Calls back for what was reported. Not needed: the loop does it."""
        before = self._untold
        self._read()
        deadline = after(timeout)
        while self._untold == before and before and not is_over(deadline):
            if self._ready is None:
                self._ready = Ready(self._producer._fd())
            await self._ready.wait(deadline)
            self._read()
        self._check()
        return before - self._untold

    async def flush(self, timeout: float = -1) -> int:
        """Waits until every message has its report; at most ``timeout`` seconds. Returns the number that is left."""
        deadline = after(timeout)
        while True:
            await asyncio.get_running_loop().run_in_executor(self._executor, self._producer._wait_sent, 0.2)
            self._read()
            self._check()
            if self._untold == 0 or is_over(deadline):
                return self._untold

    async def purge(self, in_queue: bool = True, in_flight: bool = True, blocking: bool = True) -> None:
        """See Producer.purge()."""
        self._producer.purge(in_queue, in_flight, blocking)

    async def _transact(self, function: Callable[..., None], *args: Any) -> None:
        # Reports that come meanwhile find their way to the loop.
        await asyncio.get_running_loop().run_in_executor(self._executor, partial(function, *args))
        await asyncio.sleep(0)

    async def init_transactions(self, timeout: float = -1) -> None:
        """See Producer.init_transactions()."""
        await self._transact(self._producer.init_transactions, timeout)

    async def begin_transaction(self) -> None:
        """See Producer.begin_transaction()."""
        self._producer.begin_transaction()

    async def commit_transaction(self, timeout: float = -1) -> None:
        """See Producer.commit_transaction()."""
        await self._transact(self._producer.commit_transaction, timeout)

    async def abort_transaction(self, timeout: float = -1) -> None:
        """See Producer.abort_transaction()."""
        await self._transact(self._producer.abort_transaction, timeout)

    async def send_offsets_to_transaction(
        self, positions: list[TopicPartition], group_metadata: bytes, timeout: float = -1
    ) -> None:
        """See Producer.send_offsets_to_transaction()."""
        await self._transact(self._producer.send_offsets_to_transaction, positions, group_metadata, timeout)

    async def list_topics(self, topic: str | None = None, timeout: float = -1) -> ClusterMetadata:
        """See Producer.list_topics()."""
        call = partial(self._producer.list_topics, topic, timeout)
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    async def set_sasl_credentials(self, username: str, password: str) -> None:
        """See Producer.set_sasl_credentials()."""
        self._producer.set_sasl_credentials(username, password)

    async def close(self, timeout: float = -1) -> bool:
        """Sends what is queued, and closes. Every future is done afterwards. Returns whether all went well."""
        if self._producer._is_closed:
            return True
        left = await self.flush(timeout)
        if self._loop is not None:
            self._loop.remove_reader(self._producer._fd())
        close = partial(self._producer.close, 0.0 if left else -1.0)
        clean = await asyncio.get_running_loop().run_in_executor(self._executor, close)
        # Reports of what was purged were passed on to the loop. Who waits for room is told that there is no more.
        self._told.set()
        await asyncio.sleep(0)
        return clean and left == 0

    def __len__(self) -> int:
        return len(self._producer)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        exc_traceback: TracebackType | None,
    ) -> None:
        await self.close()
