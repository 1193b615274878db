"""KafkaError and KafkaException."""

import builtins
from typing import Any

from . import _native
from ._codes import Codes


class KafkaError(Codes, Exception):
    """What went wrong: a code with its name and text.

    It compares equal to its code, so that ``error.code() == KafkaError._PARTITION_EOF`` and
    ``error == KafkaError._PARTITION_EOF`` say the same. Calls raise KafkaException, whose ``args[0]`` is a KafkaError;
    callbacks and ``Message.error()`` give a KafkaError.
    """

    __slots__ = ("_code", "_fatal", "_reason", "_retriable", "_txn_requires_abort")

    def __init__(
        self,
        error: int,
        reason: "builtins.str | None" = None,
        fatal: bool = False,
        retriable: bool = False,
        txn_requires_abort: bool = False,
    ) -> None:
        if not isinstance(error, int):
            raise TypeError(f"an integer is required (got type {type(error).__name__})")
        super().__init__(error, reason, fatal, retriable, txn_requires_abort)
        self._code = error
        self._reason = reason
        self._fatal = bool(fatal)
        self._retriable = bool(retriable)
        self._txn_requires_abort = bool(txn_requires_abort)

    def code(self) -> int:
        """The number, such as ``KafkaError._PARTITION_EOF``."""
        return self._code

    def name(self) -> builtins.str:
        """The name of the number, such as ``_PARTITION_EOF``."""
        name = _native.error_name(self._code)
        return f"ERR_{self._code}?" if name == "UNKNOWN_CODE" else name

    def str(self) -> builtins.str:
        """What happened, for a person."""
        if self._reason is not None:
            return self._reason
        known = _native.error_name(self._code) != "UNKNOWN_CODE"
        return _native.error_text(self._code) if known else f"Err-{self._code}?"

    def fatal(self) -> bool:
        """Whether the client cannot go on."""
        return self._fatal

    def retriable(self) -> bool:
        """Whether the same call may succeed later."""
        return self._retriable

    def txn_requires_abort(self) -> bool:
        """Whether the transaction has to be aborted."""
        return self._txn_requires_abort

    def __str__(self) -> builtins.str:
        fatal = "FATAL," if self._fatal else ""
        return f'KafkaError{{{fatal}code={self.name()},val={self._code},str="{self.str()}"}}'

    __repr__ = __str__

    def __hash__(self) -> int:
        return self._code

    def _other(self, other: object) -> "int | None":
        if isinstance(other, KafkaError):
            return other._code
        return other if isinstance(other, int) else None

    def __eq__(self, other: object) -> bool:
        code = self._other(other)
        return NotImplemented if code is None else self._code == code

    def __lt__(self, other: "KafkaError | int") -> bool:
        code = self._other(other)
        return NotImplemented if code is None else self._code < code

    def __le__(self, other: "KafkaError | int") -> bool:
        code = self._other(other)
        return NotImplemented if code is None else self._code <= code

    def __gt__(self, other: "KafkaError | int") -> bool:
        code = self._other(other)
        return NotImplemented if code is None else self._code > code

    def __ge__(self, other: "KafkaError | int") -> bool:
        code = self._other(other)
        return NotImplemented if code is None else self._code >= code

    def __reduce__(self) -> tuple[Any, ...]:
        flags = (self._fatal, self._retriable, self._txn_requires_abort)
        return type(self), (self._code, self._reason, *flags)


class KafkaException(Exception):
    """A call failed; ``args[0]`` is the KafkaError."""
