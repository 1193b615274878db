"""Producer: the part of it that is not called for every message."""

from __future__ import annotations

import time
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

from . import _kinds, _native
from ._cluster import ClusterCalls, refresh_token, throttle_event
from ._conf import Options
from ._consumer import _TOKEN_WAIT, _no_token, _places
from ._error import KafkaError, KafkaException
from ._native import Message
from ._partitions import TopicPartition
from ._types import Data, HeadersType

_PURGE_QUEUED = 1
_PURGE_IN_FLIGHT = 2


def settle(future: Any, report: Message) -> None:
    """Gives a future, of whichever kind, what became of its message."""
    error = report.error()
    if error is None:
        future.set_result(report)
    else:
        future.set_exception(KafkaException(error))


class Producer(ClusterCalls, _native.ProducerCore):
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
    ``on_delivery_batch``, ``delivery.report.only.error``, ``error_cb``, ``stats_cb``, ``throttle_cb``, ``oauth_cb`` and
    ``logger``. ``on_delivery_batch`` is called with lists of messages that named no callback of their own; each tells
    its outcome by ``error()``. Callbacks are called inside poll(), flush() and close(), by the thread that is in there,
    and what they raise comes out of that call; reports that were not told then are told by the next.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._options = Options(args, kwargs, is_producer=True)
        self._has_token = False
        options = self._options
        self._name = self._open(options.settings, options.on_delivery, options.on_reports, options.only_errors)
        if "oauth_cb" in self._options.callbacks:
            self._wait_for_token()

    def _wait_for_token(self) -> None:
        end = time.monotonic() + _TOKEN_WAIT
        while not self._has_token and time.monotonic() < end:
            self.poll(end - time.monotonic())
        if not self._has_token:
            self._close(0)
            _no_token()

    def _event(self, rows: list[_kinds.Row]) -> bool:
        """Called for what is no report; true if a callback was called."""
        kind, flags, code = rows[0][:3]
        if kind == _kinds.STATS:
            return self._options.call("stats_cb", _kinds.text(rows[0]))
        if kind == _kinds.THROTTLE:
            return self._options.call("throttle_cb", throttle_event(rows[0]))
        if kind == _kinds.TOKEN_REFRESH:
            refresh_token(self._client, self._options, _kinds.text(rows[0]))
            self._has_token = True
            return True
        if kind == _kinds.ERROR:
            error = KafkaError(code, _kinds.text(rows[0]), fatal=bool(flags & _kinds.FATAL))
            if error.fatal():
                raise KafkaException(error)
            return self._options.call("error_cb", error)
        return False

    def _log(self, level: int, facility: str, text: str, dropped: int) -> None:
        self._options.log(level, facility, self._name, text, dropped)

    def produce_future(
        self,
        topic: str,
        value: Data | None = None,
        key: Data | None = None,
        partition: int = -1,
        timestamp: int = 0,
        headers: HeadersType | None = None,
    ) -> Future[Message]:
        """As produce(), and gives a future of the report: its result is the Message, or it raises KafkaException.

        Like a callback, it is done by a poll() or flush() of any thread.

        >>> report = producer.produce_future("orders", b"42")
        >>> producer.flush()
        0
        >>> report.result().offset()
        17
        """
        report: Future[Message] = Future()
        self._produce_for(report, topic, value, key, partition, timestamp, headers)
        return report

    def _settle(self, futures: list[Any], reports: list[Message]) -> None:
        """Called for messages that were sent with a future."""
        for future, report in zip(futures, reports, strict=True):
            # Running: an exception such as KeyboardInterrupt came between.
            if future.done() or not (future.running() or future.set_running_or_notify_cancel()):
                continue
            settle(future, report)

    def purge(self, in_queue: bool = True, in_flight: bool = True, blocking: bool = True) -> None:
        """Gives up messages that wait to be sent, or that a broker has not answered for, or both.

        Their callbacks are called with ``_PURGE_QUEUE`` or ``_PURGE_INFLIGHT``.
        """
        flags = (_PURGE_QUEUED if in_queue else 0) | (_PURGE_IN_FLIGHT if in_flight else 0)
        if flags:
            self._purge(flags)

    # ---- transactions ----

    def _txn_timeout(self, timeout: float) -> float:
        if timeout >= 0:
            return timeout
        return int(_native.conf_get(True, self._options.settings, "transaction.timeout.ms")) / 1000

    def init_transactions(self, timeout: float = -1) -> None:
        """Prepares the producer for transactions, once, before its first message.

        Here and below, ``timeout`` -1 means as long as ``transaction.timeout.ms`` allows, and a KafkaException tells by
        ``retriable()``, ``txn_requires_abort()`` and ``fatal()`` of its error how to go on.
        """
        self._require_transactions()
        self._txn("init", self._txn_timeout(timeout), [], b"")

    def begin_transaction(self) -> None:
        """Begins a transaction, to which all messages produced from now on belong."""
        self._require_transactions()
        self._begin()

    def commit_transaction(self, timeout: float = -1) -> None:
        """Commits the transaction, once all of its messages have been delivered; calls back for them."""
        self._require_transactions()
        self._txn("commit", self._txn_timeout(timeout), [], b"")

    def abort_transaction(self, timeout: float = -1) -> None:
        """Takes the transaction back; calls back for messages that were not sent."""
        self._require_transactions()
        self._txn("abort", self._txn_timeout(timeout), [], b"")

    def send_offsets_to_transaction(
        self, positions: list[TopicPartition], group_metadata: bytes, timeout: float = -1
    ) -> None:
        """Makes a consumer's offsets part of the transaction.

        ``group_metadata`` comes from Consumer.consumer_group_metadata(), anew for each transaction.
        """
        self._require_transactions()
        self._txn("offsets", self._txn_timeout(timeout), _places(positions), group_metadata)

    def _require_transactions(self) -> None:
        if not any(name == "transactional.id" for name, _, _ in self._options.settings):
            reason = "The Transactional API requires transactional.id to be configured"
            raise KafkaException(KafkaError(KafkaError._NOT_CONFIGURED, reason))

    # ---- the end ----

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
