"""TCP proxies in front of the brokers: a network that can be slow, lossy, parted or cut."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable


class Network:
    """One proxy for each broker; what is set here holds for all of them, or for those `only` names."""

    def __init__(self, brokers: list[tuple[int, ...]]) -> None:
        self.servers = ",".join(f"127.0.0.1:{port}" for _, _, port in brokers)
        self.delay = 0.0  # Seconds, each way.
        self.loss = 0.0  # Probability that a piece waits as for a retransmission.
        self.rate = 0.0  # Bytes a second of each connection and way; 0 = no limit.
        self.parted = ""  # "", "both", or "answers": nothing comes through.
        self.only: set[int] = set()
        self._random = random.Random(7)
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._healed = asyncio.Event()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        for broker, target, port in brokers:
            self._call(lambda b=broker, t=target, p=port: self._listen(b, t, p))

    def _call(self, make: Callable[[], object]) -> None:
        asyncio.run_coroutine_threadsafe(make(), self._loop).result(30)  # type: ignore[arg-type]

    async def _listen(self, broker: int, target: int, port: int) -> None:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._connect(broker, target, reader, writer)

        await asyncio.start_server(accept, "127.0.0.1", port)

    async def _connect(
        self,
        broker: int,
        target: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, forth}
        ways = [
            self._carry(broker, "questions", reader, forth),
            self._carry(broker, "answers", back, writer),
        ]
        try:
            await asyncio.gather(*ways)
        except (OSError, asyncio.IncompleteReadError):
            pass
        for end in (writer, forth):
            self._writers.discard(end)
            end.transport.abort()

    async def _carry(
        self, broker: int, way: str, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        """Pieces travel in order, and as many at once as there are."""
        line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(1000)

        async def arrive() -> None:
            while True:
                due, piece = await line.get()
                await asyncio.sleep(max(0.0, due - self._loop.time()))
                while self._stands(broker, way):
                    await self._healed.wait()
                sink.write(piece)
                await sink.drain()
                if not piece:
                    return
                if self.rate and self._concerns(broker):
                    await asyncio.sleep(len(piece) / self.rate)

        arriving = asyncio.ensure_future(arrive())
        try:
            while piece := await source.read(65536):
                await line.put((self._loop.time() + self._time_of(broker), piece))
        finally:
            arriving.cancel()
            sink.transport.abort()

    def _concerns(self, broker: int) -> bool:
        return not self.only or broker in self.only

    def _stands(self, broker: int, way: str) -> bool:
        return self._concerns(broker) and self.parted in ("both", way)

    def _time_of(self, broker: int) -> float:
        if not self._concerns(broker):
            return 0.0
        again = 0.2 if self._random.random() < self.loss else 0.0  # The least that TCP waits.
        return self.delay + again + (self._random.random() * self.delay / 2 if self.delay else 0)

    def heal(self) -> None:
        self.delay = self.loss = self.rate = 0.0
        self.parted, self.only = "", set()

        async def wake() -> None:
            self._healed.set()
            self._healed.clear()

        self._call(wake)

    def cut(self) -> None:
        """Resets all connections there are."""

        async def abort() -> None:
            for writer in list(self._writers):
                writer.transport.abort()

        self._call(abort)
