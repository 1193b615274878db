"""Configurations: what is for the core, and what is for the binding."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from ._error import KafkaError, KafkaException

Setting = tuple[str, str, bool]

_CALLBACKS = ("error_cb", "stats_cb", "throttle_cb", "oauth_cb", "on_commit")
# The levels of syslog, as those of logging.
_LEVELS = (
    logging.CRITICAL,
    logging.CRITICAL,
    logging.CRITICAL,
    logging.ERROR,
    logging.WARNING,
    logging.INFO,
    logging.INFO,
    logging.DEBUG,
)
_LOGGER = logging.getLogger("kafka_rs")


class Options:
    """What a configuration says to the binding; ``settings`` is the rest."""

    def __init__(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], *, is_producer: bool) -> None:
        conf = _merge(args, kwargs)
        self.callbacks: dict[str, Callable[..., Any]] = {}
        for name in _CALLBACKS:
            if name in conf:
                self.callbacks[name] = _callable(name, conf.pop(name))
        self.logger = conf.pop("logger", None)
        self.on_delivery: Callable[..., Any] | None = None
        self.on_reports: Callable[..., Any] | None = None
        self.only_errors = False
        if is_producer:
            self._take_delivery(conf)
        self.settings = _settings(conf)
        self.settings.append(("go.logs.channel.enable", "true", False))

    def _take_delivery(self, conf: dict[Any, Any]) -> None:
        if "on_delivery" in conf:
            self.on_delivery = conf.pop("on_delivery")
            if not callable(self.on_delivery):
                raise KafkaException(KafkaError(KafkaError._INVALID_ARG, "on_delivery requires a callable object"))
        if "on_delivery_batch" in conf:
            self.on_reports = _callable("on_delivery_batch", conf.pop("on_delivery_batch"))
            if self.on_delivery is not None:
                raise ValueError("on_delivery and on_delivery_batch are mutually exclusive")
        if "delivery.report.only.error" in conf:
            value = conf.pop("delivery.report.only.error")
            if not isinstance(value, bool):
                got = type(value).__name__
                raise TypeError(f"Expected delivery.report.only.error to be bool type, not {got}")
            self.only_errors = value

    def keeps_its_place(self) -> bool:
        """Whether this is a static member of the classic protocol, which never leaves its group."""
        values = {name: value for name, value, _ in self.settings}
        return bool(values.get("group.instance.id")) and values.get("group.protocol", "classic") == "classic"

    def log(self, level: int, facility: str, client: str, text: str, dropped: int) -> None:
        """Passes a line of the core's log on, to the logger of the configuration or to logging's ``kafka_rs``."""
        logger = self.logger if self.logger is not None else _LOGGER
        if dropped:
            logger.log(logging.WARNING, "%s [%s] %s", "LOG", client, f"{dropped} lines were dropped")
        at = _LEVELS[level] if 0 <= level < len(_LEVELS) else logging.INFO
        logger.log(at, "%s [%s] %s", facility, client, text)

    def call(self, name: str, *args: Any) -> bool:
        """Calls a callback if there is one."""
        callback = self.callbacks.get(name)
        if callback is None:
            return False
        callback(*args)
        return True


def _merge(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[Any, Any]:
    if len(args) > 1 or (args and not isinstance(args[0], dict)) or not (args or kwargs):
        raise TypeError("expected configuration dict")
    return {**(args[0] if args else {}), **kwargs}


def _callable(name: str, value: Any) -> Callable[..., Any]:
    if not callable(value):
        raise TypeError(f"expected {name} property as a callable function")
    return value  # type: ignore[no-any-return]


def _text(name: object, value: Any) -> str:
    if callable(value) and not isinstance(value, type):
        reason = f'Invalid value for configuration property "{name}": {value!r} is a function'
        raise KafkaException(KafkaError(KafkaError._INVALID_ARG, reason))
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _settings(conf: dict[Any, Any]) -> list[Setting]:
    settings: list[Setting] = []
    of_topics = conf.pop("default.topic.config", None) or {}
    for name, value in of_topics.items():
        settings.append((str(name), _text(name, value), True))
    for name, value in conf.items():
        # None leaves a key at its default.
        if value is not None:
            settings.append((str(name), _text(name, value), False))
    return settings
