"""AIOConsumer."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from .._consumer import Consumer
from .._native import ArrowRows, Message
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

    async def subscribe(self, *args: Any, **kwargs: Any) -> None:
        """See Consumer.subscribe()."""
        self._consumer.subscribe(*args, **kwargs)

    async def unsubscribe(self) -> None:
        """See Consumer.unsubscribe()."""
        await self._run(self._consumer.unsubscribe)

    async def commit(self, *args: Any, **kwargs: Any) -> Any:
        """See Consumer.commit()."""
        return await self._run(self._consumer.commit, *args, **kwargs)

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
