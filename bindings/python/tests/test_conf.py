"""Configurations: forms, refusals, callbacks that are none."""

from __future__ import annotations

from typing import Any

import pytest

from kafka_rs import Consumer, KafkaError, KafkaException, Producer


@pytest.mark.parametrize("make", [Producer, Consumer])
@pytest.mark.parametrize("arguments", [(), ("text",), ({}, {})])
def test_a_configuration_is_a_dict(make: Any, arguments: Any) -> None:
    with pytest.raises(TypeError, match="expected configuration dict"):
        make(*arguments)


def test_keywords_are_names_of_keys_and_win_over_the_dict() -> None:
    with Producer({"client.id": "one"}, **{"client.id": "two"}) as producer:
        assert producer._name.startswith("two#")
    with Producer(**{"client.id": "three"}) as producer:
        assert producer._name.startswith("three#")
    with pytest.raises(KafkaException, match="bootstrap_servers"):
        Producer(bootstrap_servers="localhost")


def test_the_dict_of_the_program_is_not_changed() -> None:
    conf = {"on_delivery": print, "default.topic.config": {"acks": 1}}
    Producer(conf).close()
    assert conf == {"on_delivery": print, "default.topic.config": {"acks": 1}}


def test_a_wrong_key_or_value_is_refused_and_named() -> None:
    for conf in ({"no.such.key": 1}, {"enable.idempotence": "perhaps"}, {"linger.ms": "soon"}):
        with pytest.raises(KafkaException) as refused:
            Producer(conf)
        assert refused.value.args[0].code() == KafkaError._INVALID_ARG
        assert next(iter(conf)) in str(refused.value)


def test_keys_of_the_other_kind_of_client_are_let_pass() -> None:
    Consumer({"group.id": "g", "linger.ms": 1}).close()
    Producer({"group.id": "g"}).close()


def test_values_may_be_numbers_booleans_or_none() -> None:
    conf = {"enable.idempotence": True, "linger.ms": 5.5, "retries": 3, "bootstrap.servers": None}
    Producer(conf).close()


def test_a_consumer_needs_a_group() -> None:
    with pytest.raises(ValueError, match=r"group\.id must be set"):
        Consumer({"bootstrap.servers": "localhost"})


@pytest.mark.parametrize("name", ["error_cb", "stats_cb", "throttle_cb", "oauth_cb"])
def test_callbacks_have_to_be_callable(name: str) -> None:
    with pytest.raises(TypeError, match=f"expected {name} property as a callable function"):
        Producer({name: None})


def test_on_delivery_has_to_be_callable() -> None:
    with pytest.raises(KafkaException, match="on_delivery requires a callable object"):
        Producer({"on_delivery": None})


def test_only_error_has_to_be_a_bool() -> None:
    with pytest.raises(TypeError, match="bool"):
        Producer({"delivery.report.only.error": "true"})


def test_a_function_is_no_partitioner() -> None:
    with pytest.raises(KafkaException, match="partitioner"):
        Producer({"partitioner": lambda key, count: 0})


def test_no_logger_is_accepted() -> None:
    Producer({"logger": None}).close()
