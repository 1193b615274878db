"""Consumer: the part of it that is not called for every message."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Literal, NoReturn, Self, overload

from . import _kinds, _native
from ._conf import Options
from ._error import KafkaError, KafkaException
from ._native import Message
from ._partitions import TopicPartition
from ._types import RebalanceCallback

# Errors of the client that concern its connections: error_cb is told. All others take the place of a message.
_OF_THE_CLIENT = frozenset(
    (
        KafkaError._TRANSPORT,
        KafkaError._RESOLVE,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._SSL,
        KafkaError._AUTHENTICATION,
        KafkaError._CRIT_SYS_RESOURCE,
    )
)


def _not_yet(what: str) -> NoReturn:
    reason = f"{what} is not there yet in kafka_rs {_native.version()}"
    raise KafkaException(KafkaError(KafkaError._NOT_IMPLEMENTED, reason))


class Consumer(_native.ConsumerCore):
    """Receives messages, as a member of a group.

    >>> consumer = Consumer({"bootstrap.servers": "localhost:9092", "group.id": "readers"})
    >>> consumer.subscribe(["orders"])
    >>> for message in consumer:
    ...     if message.error() is None:
    ...         print(message.value())

    A message counts as delivered once poll(), consume() or the iteration gave it; what was delivered is what is
    committed, by commit(), every ``auto.commit.interval.ms``, and by close(). Any thread may call any method; calls
    that receive take turns. Close it, or use it as a context manager, so that its partitions go to others at once.

    The configuration is a dict, or keywords, or both. Beside librdkafka's keys it takes ``error_cb``, ``stats_cb``,
    ``throttle_cb``, ``oauth_cb``, ``on_commit`` and ``logger``; callbacks are called inside poll(), consume() and
    close(), by the thread that is in there, and what they raise comes out of that call.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._options = Options(args, kwargs, is_producer=False)
        if not any(name == "group.id" for name, _, _ in self._options.settings):
            raise ValueError("Failed to create consumer: group.id must be set")
        self._name = self._open(self._options.settings)

    # ---- what the core tells ----

    def _event(self, rows: list[_kinds.Row]) -> bool:
        """Called for what is no message; true if it takes the place of one."""
        kind, flags, code = rows[0][:3]
        if kind == _kinds.COMMIT:
            self._told_commit(rows)
        elif kind == _kinds.STATS:
            self._options.call("stats_cb", _kinds.text(rows[0]))
        elif kind == _kinds.ERROR:
            error = KafkaError(code, _kinds.text(rows[0]), fatal=bool(flags & _kinds.FATAL))
            if error.fatal():
                raise KafkaException(error)
            if code not in _OF_THE_CLIENT:
                return True
            self._options.call("error_cb", error)
        return False

    def _told_commit(self, rows: list[_kinds.Row]) -> None:
        on_commit = self._options.callbacks.get("on_commit")
        if on_commit is None:
            return
        partitions = [_partition(row) for row in rows if row[3] is not None]
        failed = next((KafkaError(row[2], _kinds.text(row) or None) for row in rows if row[2]), None)
        if failed is not None and failed.code() == KafkaError._NO_OFFSET and not partitions:
            return
        on_commit(failed, partitions)

    def _log(self, level: int, facility: str, text: str, dropped: int) -> None:
        self._options.log(level, facility, self._name, text, dropped)

    # ---- the group ----

    def subscribe(
        self,
        topics: list[str],
        on_assign: RebalanceCallback | None = None,
        on_revoke: RebalanceCallback | None = None,
        on_lost: RebalanceCallback | None = None,
    ) -> None:
        """Subscribes to topics, in place of those before. A name that begins with ``^`` is a regular expression."""
        if not isinstance(topics, list):
            raise TypeError("expected list of topic unicode strings")
        for name, callback in (("on_assign", on_assign), ("on_revoke", on_revoke), ("on_lost", on_lost)):
            if callback is not None and not callable(callback):
                raise TypeError(f"{name} expects a callable")
        if on_assign is not None or on_revoke is not None or on_lost is not None:
            _not_yet("subscribe() with on_assign, on_revoke or on_lost")
        if not topics:
            reason = "Failed to set subscription: Local: Invalid argument or configuration"
            raise KafkaException(KafkaError(KafkaError._INVALID_ARG, reason))
        self._subscribe([str(topic) for topic in topics])

    def unsubscribe(self) -> None:
        """Leaves all topics."""
        self._unsubscribe()

    # ---- offsets ----

    @overload
    def commit(
        self,
        message: Message | None = None,
        offsets: list[TopicPartition] | None = None,
        asynchronous: Literal[True] = True,
        **kwargs: bool,
    ) -> None: ...

    @overload
    def commit(
        self,
        message: Message | None = None,
        offsets: list[TopicPartition] | None = None,
        *,
        asynchronous: Literal[False],
        **kwargs: bool,
    ) -> list[TopicPartition]: ...

    @overload
    def commit(
        self,
        message: Message | None = None,
        offsets: list[TopicPartition] | None = None,
        asynchronous: bool = True,
        **kwargs: bool,
    ) -> list[TopicPartition] | None: ...

    def commit(
        self,
        message: Message | None = None,
        offsets: list[TopicPartition] | None = None,
        asynchronous: bool = True,
        **kwargs: bool,
    ) -> list[TopicPartition] | None:
        """Commits what was delivered, or the offset after ``message``, or ``offsets``.

        Asynchronously (the default) the outcome goes to ``on_commit``. With ``asynchronous=False`` it is waited for,
        and the partitions are returned, each with its own error.
        """
        asynchronous = kwargs.pop("async", asynchronous)
        if kwargs:
            raise TypeError(f"commit() got an unexpected keyword argument '{next(iter(kwargs))}'")
        if message is not None and offsets is not None:
            raise ValueError("message and offsets are mutually exclusive")
        if message is not None or offsets is not None:
            _not_yet("commit() of a message or of offsets")
        if asynchronous:
            self._commit(None, 0)
            return None
        self._commit(-1.0, 0)
        return []

    # ---- the end ----

    def close(self, timeout: float = -1) -> bool:
        """Stores and commits what was delivered, and leaves the group, within ``timeout`` seconds (-1 = a minute).

        Returns whether all went well. Closing again does nothing; other calls then raise RuntimeError.
        """
        return self._close(timeout) is not False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        exc_traceback: TracebackType | None,
    ) -> None:
        self.close()


def _partition(row: _kinds.Row) -> TopicPartition:
    error = KafkaError(row[2], _kinds.text(row) or None) if row[2] else None
    return TopicPartition._of(row[3] or "", row[4], row[5], error)
