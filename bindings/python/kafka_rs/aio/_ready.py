"""Waiting for a descriptor on the running loop."""

from __future__ import annotations

import asyncio
import contextlib
import time


class Ready:
    """Lets coroutines wait until a descriptor is readable. It is watched only while somebody waits."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._waiting: set[asyncio.Future[None]] = set()
        self._loop = asyncio.get_running_loop()

    async def wait(self, deadline: float | None) -> None:
        """Returns when the descriptor is readable, the deadline (of time.monotonic) has passed, or wake() is called."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        if not self._waiting:
            self._loop.add_reader(self._fd, self.wake)
        self._waiting.add(waiter)
        try:
            timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
            with contextlib.suppress(asyncio.TimeoutError):
                async with asyncio.timeout(timeout):
                    await waiter
        finally:
            self._waiting.discard(waiter)
            if not self._waiting:
                self._loop.remove_reader(self._fd)

    def wake(self) -> None:
        """Lets all who wait return."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)


def after(timeout: float) -> float | None:
    """The deadline of a timeout in seconds; negative = none."""
    return None if timeout < 0 else time.monotonic() + timeout


def is_over(deadline: float | None) -> bool:
    """Whether a deadline has passed."""
    return deadline is not None and time.monotonic() >= deadline
