"""Standing in for confluent_kafka under its own name."""

from __future__ import annotations

import importlib
import importlib.machinery
import sys

_NAME = "confluent_kafka"
_MODULES = ("_model", "_types", "admin", "aio", "cimpl", "error", "serialization")


def as_confluent_kafka() -> None:
    """Makes ``import confluent_kafka``, in the whole process, mean this package.

    For programs and libraries that cannot be changed. Where the real one is installed, its modules that are written in
    Python alone, such as ``confluent_kafka.schema_registry``, are used from there, on top of this package. Call it
    before the first import of confluent_kafka.

    >>> kafka_rs.as_confluent_kafka()
    >>> from confluent_kafka.schema_registry.avro import AvroSerializer
    """
    package = importlib.import_module(__package__)
    there = sys.modules.get(_NAME)
    if there is package:
        return
    if there is not None:
        raise RuntimeError("confluent_kafka has been imported already")
    installed = importlib.machinery.PathFinder.find_spec(_NAME)
    for name in _MODULES:
        sys.modules[f"{_NAME}.{name}"] = importlib.import_module(f"{__package__}.{name}")
    sys.modules[_NAME] = package
    # Looked at last: what is in both is ours.
    package.__path__.extend(installed.submodule_search_locations or [] if installed is not None else [])
