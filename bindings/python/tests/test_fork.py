"""After a fork: what was inherited says so, and what is made anew works."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from typing import Any

import pytest

from conftest import Cluster
from kafka_rs import Consumer, Producer


def in_child(check: Callable[[], None]) -> None:
    """Runs a check in a forked child, which tells by its exit status how it went."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            check()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def refused(call: Callable[[], Any]) -> None:
    with pytest.raises(RuntimeError, match="before the process forked"):
        call()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_an_inherited_client_says_what_to_do(mocked: Cluster) -> None:
    producer, consumer = mocked.producer(), mocked.consumer()

    def check() -> None:
        for call in (lambda: producer.produce("t"), lambda: producer.poll(0), producer.flush, producer.close):
            refused(call)
        for call in (lambda: consumer.poll(0), consumer.consume, consumer.commit, consumer.close, consumer.assignment):
            refused(call)
        refused(lambda: len(producer))

    in_child(check)
    producer.produce(mocked.topic(), "still works in the parent")
    assert producer.flush(30) == 0


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_an_inherited_client_is_dropped_in_the_child_without_harm(mocked: Cluster) -> None:
    clients: list[Any] = [mocked.producer(), mocked.consumer()]

    def check() -> None:
        clients.clear()
        mocked._open.clear()

    in_child(check)
    assert clients[0].flush(5) == 0


def _work(servers: str, topic: str) -> int:
    with Producer({"bootstrap.servers": servers}) as producer:
        producer.produce(topic, str(os.getpid()))
        return producer.flush(30)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_pool_of_forked_workers_makes_clients_of_its_own(mocked: Cluster) -> None:
    topic = mocked.topic()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.starmap_async(_work, [(mocked.servers, topic)] * 4).get(60) == [0] * 4


def test_a_client_is_not_copied() -> None:
    import copy
    import pickle

    with Consumer({"group.id": "g"}) as consumer:
        for call in (copy.copy, pickle.dumps):
            with pytest.raises(TypeError):
                call(consumer)
