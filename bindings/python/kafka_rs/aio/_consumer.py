"""AIOConsumer."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from .._cluster import ClusterMetadata
from .._consumer import Consumer
from .._native import ArrowRows, Message
from .._partitions import TopicPartition
from ._ready import Ready, after, is_over

_T = TypeVar("_T")
# After so many messages without a wait the loop gets a turn.
_TURN = 500
_CALLBACKS = ("error_cb", "stats_cb", "throttle_cb", "on_commit")


class AIOConsumer:
    """A consumer for asyncio: all methods of Consumer, as coroutines.

    Receiving runs on the loop; only what asks a broker and waits for the answer (a synchronous commit, close) runs in
    ``executor``, or the loop's own. A receive that is cancelled has taken nothing. Callbacks run on the loop, and may
    be coroutine functions, which are then run as tasks.
    """

    def __init__(self, consumer_conf: dict[str, Any], max_workers: int = 2, executor: Executor | None = None) -> None:
        conf = dict(consumer_conf)
        for name in _CALLBACKS:
            if name in conf and inspect.iscoroutinefunction(conf[name]):
                conf[name] = self._as_task(conf[name])
        self._consumer = Consumer(conf)
        self._executor = executor
        self._ready: Ready | None = None
        self._turn = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    def _as_task(self, callback: Callable[..., Any]) -> Callable[..., None]:
        def run(*args: Any) -> None:
            task = asyncio.get_running_loop().create_task(callback(*args))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return run

    async def _run(self, function: Callable[..., _T], *args: Any, **kwargs: Any) -> _T:
        call = partial(function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    async def _readable(self, deadline: float | None) -> None:
        if self._ready is None:
            self._ready = Ready(self._consumer._fd())
        await self._ready.wait(deadline)

    async def _take_turn(self) -> None:
        self._turn = 0
        await asyncio.sleep(0)

    async def poll(self, timeout: float = -1) -> Message | None:
        """The next message, or None if none came within ``timeout`` seconds (-1 = wait for ever)."""
        self._turn += 1
        if self._turn > _TURN:
            await self._take_turn()
        message = self._consumer.poll(0)
        if message is not None or timeout == 0:
            return message
        deadline = after(timeout)
        while message is None and not is_over(deadline):
            await self._readable(deadline)
            self._turn = 0
            message = self._consumer.poll(0)
        return message

    async def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Message]:
        """Up to ``num_messages``: what is there, after waiting up to ``timeout`` seconds for the first."""
        await self._take_turn()
        messages = self._consumer.consume(num_messages, 0)
        deadline = after(timeout)
        while not messages and num_messages > 0 and not is_over(deadline):
            await self._readable(deadline)
            messages = self._consumer.consume(num_messages, 0)
        return messages

    async def consume_arrow(self, max_rows: int = 10_000, timeout: float = -1) -> ArrowRows:
        """Up to ``max_rows`` messages as columns: see Consumer.consume_arrow()."""
        await self._take_turn()
        rows = self._consumer.consume_arrow(max_rows, 0)
        deadline = after(timeout)
        while not (rows or rows.errors) and max_rows > 0 and not is_over(deadline):
            await self._readable(deadline)
            rows = self._consumer.consume_arrow(max_rows, 0)
        return rows

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        while True:
            try:
                message = await self.poll()
            except RuntimeError:
                if self._consumer._is_closed:
                    raise StopAsyncIteration from None
                raise
            if message is not None:
                return message

    async def subscribe(self, topics: list[str], **callbacks: Any) -> None:
        """See Consumer.subscribe(). Callbacks run on the loop and get this object in place of the Consumer.

        They cannot be coroutine functions, since the rebalance goes on when they return.
        """
        wrapped = {name: callback and self._with_self(callback) for name, callback in callbacks.items()}
        self._consumer.subscribe(topics, **wrapped)

    def _with_self(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(callback):
            raise TypeError("a callback of a rebalance cannot be a coroutine function")

        def run(_: Consumer, partitions: list[TopicPartition]) -> None:
            callback(self, partitions)

        return run if callable(callback) else callback

    async def unsubscribe(self) -> None:
        """See Consumer.unsubscribe()."""
        self._consumer.unsubscribe()

    async def commit(self, *args: Any, **kwargs: Any) -> list[TopicPartition] | None:
        """See Consumer.commit()."""
        return await self._run(self._consumer.commit, *args, **kwargs)

    async def committed(self, partitions: list[TopicPartition], timeout: float = -1) -> list[TopicPartition]:
        """See Consumer.committed()."""
        return await self._run(self._consumer.committed, partitions, timeout)

    async def store_offsets(self, *args: Any, **kwargs: Any) -> None:
        """See Consumer.store_offsets()."""
        self._consumer.store_offsets(*args, **kwargs)

    async def position(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """See Consumer.position()."""
        return self._consumer.position(partitions)

    async def assign(self, partitions: list[TopicPartition]) -> None:
        """See Consumer.assign()."""
        await self._run(self._consumer.assign, partitions)

    async def unassign(self) -> None:
        """See Consumer.unassign()."""
        await self._run(self._consumer.unassign)

    async def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        """See Consumer.incremental_assign()."""
        await self._run(self._consumer.incremental_assign, partitions)

    async def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        """See Consumer.incremental_unassign()."""
        await self._run(self._consumer.incremental_unassign, partitions)

    async def assignment(self) -> list[TopicPartition]:
        """See Consumer.assignment()."""
        return self._consumer.assignment()

    async def pause(self, partitions: list[TopicPartition]) -> None:
        """See Consumer.pause()."""
        self._consumer.pause(partitions)

    async def resume(self, partitions: list[TopicPartition]) -> None:
        """See Consumer.resume()."""
        self._consumer.resume(partitions)

    async def seek(self, partition: TopicPartition) -> None:
        """See Consumer.seek()."""
        await self._run(self._consumer.seek, partition)

    async def consumer_group_metadata(self) -> bytes:
        """See Consumer.consumer_group_metadata()."""
        return self._consumer.consumer_group_metadata()

    async def memberid(self) -> str | None:
        """See Consumer.memberid()."""
        return self._consumer.memberid()

    async def list_topics(self, topic: str | None = None, timeout: float = -1) -> ClusterMetadata:
        """See Consumer.list_topics()."""
        return await self._run(self._consumer.list_topics, topic, timeout)

    async def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float = -1, cached: bool = False
    ) -> tuple[int, int]:
        """See Consumer.get_watermark_offsets()."""
        return await self._run(self._consumer.get_watermark_offsets, partition, timeout, cached)

    async def offsets_for_times(self, partitions: list[TopicPartition], timeout: float = -1) -> list[TopicPartition]:
        """See Consumer.offsets_for_times()."""
        return await self._run(self._consumer.offsets_for_times, partitions, timeout)

    async def set_sasl_credentials(self, username: str, password: str) -> None:
        """See Consumer.set_sasl_credentials()."""
        self._consumer.set_sasl_credentials(username, password)

    async def close(self, timeout: float = -1) -> bool:
        """See Consumer.close(). Whoever waits in this consumer returns."""
        clean = await self._run(self._consumer.close, timeout)
        if self._ready is not None:
            self._ready.wake()
        return clean

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        exc_traceback: TracebackType | None,
    ) -> None:
        await self.close()
