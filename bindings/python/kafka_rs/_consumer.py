"""Consumer: the part of it that is not called for every message."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Literal, NoReturn, Self, overload

from . import _kinds, _native
from ._cluster import ClusterCalls, refresh_token, throttle_event
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

_REPLACE, _ADD, _REMOVE = 0, 1, 2
# How long a constructor waits for the first OAUTHBEARER token, and close() for on_revoke to have been called.
_TOKEN_WAIT = 10.0
_REVOKE_WAIT = 5.0


class Consumer(ClusterCalls, _native.ConsumerCore):
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
        self._on_assign: RebalanceCallback | None = None
        self._on_revoke: RebalanceCallback | None = None
        self._on_lost: RebalanceCallback | None = None
        self._has_token = False
        self._name = self._open(self._options.settings)
        if "oauth_cb" in self._options.callbacks and not self._serve(_TOKEN_WAIT, lambda: self._has_token):
            self._close(0)
            _no_token()

    # ---- what the core tells ----

    def _event(self, rows: list[_kinds.Row]) -> bool:
        """Called for what is no message; true if it takes the place of one."""
        kind, flags, code = rows[0][:3]
        if kind == _kinds.COMMIT:
            self._told_commit(rows)
        elif kind == _kinds.STATS:
            self._options.call("stats_cb", _kinds.text(rows[0]))
        elif kind == _kinds.THROTTLE:
            self._options.call("throttle_cb", throttle_event(rows[0]))
        elif kind in (_kinds.ASSIGN, _kinds.REVOKE):
            self._told_rebalance(kind, flags, rows)
        elif kind == _kinds.TOKEN_REFRESH:
            refresh_token(self._client, self._options, _kinds.text(rows[0]))
            self._has_token = True
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

    def _told_rebalance(self, kind: int, flags: int, rows: list[_kinds.Row]) -> None:
        partitions = [_partition(row) for row in rows if row[3] is not None]
        callback = self._on_assign if kind == _kinds.ASSIGN else self._on_revoke
        if flags & _kinds.LOST:
            callback = self._on_lost or callback
        if callback is not None:
            callback(self, partitions)
        # If the callback assigned nothing, the core does, now that the event was dealt with.

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
        """Subscribes to topics, in place of those before. A name that begins with ``^`` is a regular expression.

        ``on_assign(consumer, partitions)`` is called when the group gives partitions, ``on_revoke`` when it takes some,
        and can still commit, ``on_lost`` (or, without it, ``on_revoke``) when others may have them already. A callback
        may assign by itself, with other offsets for example; otherwise the usual happens once it has returned.
        """
        if not isinstance(topics, list):
            raise TypeError("expected list of topic unicode strings")
        for name, callback in (("on_assign", on_assign), ("on_revoke", on_revoke), ("on_lost", on_lost)):
            if callback is not None and not callable(callback):
                raise TypeError(f"{name} expects a callable")
        self._application_rebalance(any(callback is not None for callback in (on_assign, on_revoke, on_lost)))
        if not topics:
            reason = "Failed to set subscription: Local: Invalid argument or configuration"
            raise KafkaException(KafkaError(KafkaError._INVALID_ARG, reason))
        self._on_assign, self._on_revoke, self._on_lost = on_assign, on_revoke, on_lost
        self._subscribe([str(topic) for topic in topics])

    def unsubscribe(self) -> None:
        """Leaves all topics."""
        self._unsubscribe()

    def assign(self, partitions: list[TopicPartition]) -> None:
        """Assigns partitions, in place of all before, from their ``offset`` on (none = where the group committed)."""
        self._assign(_REPLACE, _places(partitions))

    def unassign(self) -> None:
        """Gives up all that is assigned."""
        self._assign(_REPLACE, [])

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        """Assigns partitions beside those that are assigned, as cooperative groups want it."""
        self._assign(_ADD, _places(partitions))

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        """Gives up some of what is assigned."""
        self._assign(_REMOVE, _places(partitions))

    def assignment(self) -> list[TopicPartition]:
        """What is assigned now."""
        return [TopicPartition(row[3] or "", row[4]) for row in self._now("assignment", [])]

    def memberid(self) -> str | None:
        """The consumer's id in its group, or None outside one."""
        return self._member_id() or None

    # ---- flow ----

    def pause(self, partitions: list[TopicPartition]) -> None:
        """Gives no message of these partitions until resume(). None is lost, and none comes twice."""
        self._now("pause", _places(partitions))

    def resume(self, partitions: list[TopicPartition]) -> None:
        """Goes on with paused partitions."""
        self._now("resume", _places(partitions))

    def seek(self, partition: TopicPartition) -> None:
        """Goes on at ``partition.offset``: a number, OFFSET_BEGINNING or OFFSET_END."""
        (row,) = self._now("seek", _places([partition]))
        if row[2]:
            reason = f"Failed to seek to offset {partition.offset}: {_text(row)}"
            raise KafkaException(KafkaError(row[2], reason))

    def position(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Where the program is in each partition: the offset after the last message that it was given."""
        return [_partition(row) for row in self._now("position", _places(partitions))]

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
        places = _chosen(message, offsets)
        if asynchronous:
            try:
                self._commit_later(places, 0)
            except KafkaException as nothing:
                # Nothing to commit is no failure where nobody waits.
                if nothing.args[0] != KafkaError._NO_OFFSET:
                    raise
            return None
        rows = self._ask("commit" if places is None else "commit_offsets", places or [], -1)
        if rows and all(row[2] for row in rows):
            raise KafkaException(KafkaError(rows[0][2], f"Commit failed: {_text(rows[0])}"))
        return [_partition(row) for row in rows]

    def committed(self, partitions: list[TopicPartition], timeout: float = -1) -> list[TopicPartition]:
        """What the group has committed for each partition; OFFSET_INVALID if nothing."""
        places = _places(partitions)
        try:
            return [_partition(row) for row in self._ask("committed", places, timeout)]
        except KafkaException as error:
            raise _because("Failed to get committed offsets", error) from None

    def store_offsets(self, message: Message | None = None, offsets: list[TopicPartition] | None = None) -> None:
        """Stores the offset after ``message``, or ``offsets``, for the next commit.

        For programs that set ``enable.auto.offset.store`` to false.
        """
        places = _chosen(message, offsets)
        if places is None:
            raise ValueError("expected either message or offsets")
        try:
            rows = self._now("store", places)
        except KafkaException as error:
            raise _because("StoreOffsets failed", error) from None
        for row in rows:
            if row[2]:
                raise KafkaException(KafkaError(row[2], f"StoreOffsets failed: {_text(row)}"))

    def offsets_for_times(self, partitions: list[TopicPartition], timeout: float = -1) -> list[TopicPartition]:
        """The first offset at or after a time, which is given as ``offset``, in milliseconds since the epoch."""
        places = _places(partitions)
        try:
            return [_partition(row) for row in self._ask("offsets_for_times", places, timeout)]
        except KafkaException as error:
            raise _because("Failed to get offsets", error) from None

    def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float = -1, cached: bool = False
    ) -> tuple[int, int]:
        """The first offset of a partition and the one after its last.

        ``cached``: as last seen while fetching, without asking a broker (OFFSET_INVALID = never).
        """
        ((topic, number, *_),) = _places([partition])
        return _native.cluster_watermarks(self._client, topic, number, 0.0 if cached else timeout)

    # ---- the end ----

    def close(self, timeout: float = -1) -> bool:
        """Stores and commits what was delivered, and leaves the group, within ``timeout`` seconds (-1 = a minute).

        Calls ``on_revoke`` before that, if there is one. Returns whether all went well. Closing again does nothing;
        other calls then raise RuntimeError.
        """
        if self._is_closed:
            return True
        if self._on_revoke is not None or self._on_lost is not None:
            self._give_up(_REVOKE_WAIT if timeout < 0 else min(_REVOKE_WAIT, timeout / 2))
        return self._close(timeout) is not False

    def _give_up(self, timeout: float) -> None:
        owned = self.assignment()
        if not owned:
            return
        if self._options.keeps_its_place():
            # A static member does not leave, so nothing is revoked; the callback is called all the same.
            if self._on_revoke is not None:
                self._on_revoke(self, owned)
            return
        self._unsubscribe()
        self._serve(timeout, lambda: not self.assignment())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        exc_traceback: TracebackType | None,
    ) -> None:
        self.close()


def _no_token() -> NoReturn:
    raise KafkaException(KafkaError(KafkaError._FAIL, f"oauth_cb gave no token within {_TOKEN_WAIT:.0f} s"))


def _because(why: str, error: KafkaException) -> KafkaException:
    old: KafkaError = error.args[0]
    return KafkaException(KafkaError(old.code(), f"{why}: {_native.error_text(old.code())}"))


def _text(row: _kinds.Row) -> str:
    return _native.error_text(row[2])


def _partition(row: _kinds.Row) -> TopicPartition:
    error = KafkaError(row[2]) if row[2] else None
    metadata = None if error or not row[9] else _kinds.text(row)
    return TopicPartition._of(row[3] or "", row[4], row[5], metadata, row[6], error)


def _places(partitions: Iterable[TopicPartition]) -> list[_kinds.Place]:
    if not isinstance(partitions, list):
        raise TypeError("requires list of TopicPartition")
    return [_place(partition) for partition in partitions]


def _place(partition: TopicPartition) -> _kinds.Place:
    if not isinstance(partition, TopicPartition):
        raise TypeError("expected cimpl.TopicPartition")
    epoch = partition.leader_epoch
    return partition.topic, partition.partition, partition.offset, -1 if epoch is None else epoch, partition.metadata


def _chosen(message: Message | None, offsets: list[TopicPartition] | None) -> list[_kinds.Place] | None:
    """The places of a commit or store: those of ``offsets``, or the one after ``message``, or None."""
    if message is not None and offsets is not None:
        raise ValueError("message and offsets are mutually exclusive")
    if offsets is not None:
        return _places(offsets)
    if message is None:
        return None
    if not isinstance(message, Message):
        raise TypeError("expected confluent_kafka.cimpl.Message")
    error = message.error()
    if error is not None:
        reason = f"Cannot commit offsets for message with error: '{error.str()}'"
        raise KafkaException(KafkaError(KafkaError._INVALID_ARG, reason))
    topic, partition, offset, epoch = message.topic(), message.partition(), message.offset(), message.leader_epoch()
    if topic is None or partition is None or offset is None:
        raise KafkaException(KafkaError(KafkaError._INVALID_ARG, "the message has no topic, partition and offset"))
    return [(topic, partition, offset + 1, -1 if epoch is None else epoch, None)]
