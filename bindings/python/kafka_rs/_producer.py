"""Producer: the part of it that is not called for every message."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from . import _kinds, _native
from ._conf import Options
from ._error import KafkaError, KafkaException

_PURGE_QUEUED = 1
_PURGE_IN_FLIGHT = 2


class Producer(_native.ProducerCore):
    """Sends messages.

    >>> producer = Producer({"bootstrap.servers": "localhost:9092"})
    >>> def told(error, message):
    ...     print(error or message.offset())
    >>> producer.produce("orders", b"42", key="customer-7", on_delivery=told)
    >>> producer.flush()
    0

    produce() only queues; poll() and flush() call back with what became of each message, exactly once for each. Any
    thread may call any method. Close it, or use it as a context manager: closing sends what is queued.

    The configuration is a dict, or keywords, or both. Beside librdkafka's keys it takes ``on_delivery``,
    ``delivery.report.only.error``, ``error_cb``, ``stats_cb``, ``throttle_cb``, ``oauth_cb`` and ``logger``; callbacks
    are called inside poll(), flush() and close(), by the thread that is in there, and what they raise comes out of
    that call; reports that were not told then are told by the next.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._options = Options(args, kwargs, is_producer=True)
        self._name = self._open(self._options.settings, self._options.on_delivery, self._options.only_errors)

    def _event(self, rows: list[_kinds.Row]) -> None:
        """Called for what is no report."""
        kind, flags, code = rows[0][:3]
        if kind == _kinds.STATS:
            self._options.call("stats_cb", _kinds.text(rows[0]))
        elif kind == _kinds.ERROR:
            error = KafkaError(code, _kinds.text(rows[0]), fatal=bool(flags & _kinds.FATAL))
            if error.fatal():
                raise KafkaException(error)
            self._options.call("error_cb", error)

    def _log(self, level: int, facility: str, text: str, dropped: int) -> None:
        self._options.log(level, facility, self._name, text, dropped)

    def purge(self, in_queue: bool = True, in_flight: bool = True, blocking: bool = True) -> None:
        """Gives up messages that wait to be sent, or that a broker has not answered for, or both.

        Their callbacks are called with ``_PURGE_QUEUE`` or ``_PURGE_INFLIGHT``.
        """
        flags = (_PURGE_QUEUED if in_queue else 0) | (_PURGE_IN_FLIGHT if in_flight else 0)
        if flags:
            self._purge(flags)

    def close(self, timeout: float = -1) -> bool:
        """Sends what is queued, calls back for it, and closes, within ``timeout`` seconds (-1 = without limit).

        What is left at the end is purged. Returns whether all went well. Closing again does nothing; other calls then
        raise RuntimeError.
        """
        if self._is_closed:
            return True
        try:
            left = self.flush(timeout)
        except RuntimeError:
            # Another thread was faster.
            if self._is_closed:
                return True
            raise
        clean = self._close(-1.0 if left == 0 else 0.0) is not False
        return clean and left == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        exc_traceback: TracebackType | None,
    ) -> None:
        self.close()
