"""KafkaError, KafkaException, Message, TopicPartition, Uuid, and functions without a client."""

from __future__ import annotations

import pickle

import pytest

import kafka_rs
from kafka_rs import KafkaError, KafkaException, Message, TopicPartition, Uuid, _codes, _native


def test_each_constant_of_kafka_error_is_named_so_by_the_core() -> None:
    constants = {name: code for name, code in vars(_codes.Codes).items() if isinstance(code, int) and "__" not in name}
    assert len(constants) > 150
    for name, code in constants.items():
        assert _native.error_name(code) == name
    of_the_core = {_native.error_name(code) for code in range(-200, 200)} - {"UNKNOWN_CODE"}
    assert of_the_core <= set(constants)


def test_a_kafka_error_equals_its_code_and_hashes_to_it() -> None:
    error = KafkaError(KafkaError._PARTITION_EOF)
    assert error == KafkaError._PARTITION_EOF
    assert error == KafkaError(KafkaError._PARTITION_EOF, "another text")
    assert error != KafkaError._ALL_BROKERS_DOWN
    assert error < KafkaError.NO_ERROR
    assert hash(error) == KafkaError._PARTITION_EOF
    assert error in {KafkaError._PARTITION_EOF}
    assert error.name() == "_PARTITION_EOF"
    assert bool(KafkaError(0))
    assert (error == "_PARTITION_EOF") is False
    assert error is not None and error != None  # noqa: E711


def test_a_kafka_error_shows_name_number_and_text() -> None:
    error = KafkaError(3, "no such topic", True, True, True)
    assert str(error) == 'KafkaError{FATAL,code=UNKNOWN_TOPIC_OR_PART,val=3,str="no such topic"}'
    assert (error.fatal(), error.retriable(), error.txn_requires_abort()) == (True, True, True)
    assert KafkaError(3).str() == "Broker: Unknown topic or partition"
    assert KafkaError(99999).name() == "ERR_99999?"


def test_errors_survive_pickling() -> None:
    error = pickle.loads(pickle.dumps(KafkaError(3, "why", retriable=True)))
    assert (error.code(), error.str(), error.retriable()) == (3, "why", True)
    raised = pickle.loads(pickle.dumps(KafkaException(error)))
    assert raised.args[0] == error


def test_a_kafka_error_can_be_raised_and_caught() -> None:
    with pytest.raises(KafkaError) as caught:
        raise KafkaError(KafkaError._TIMED_OUT)
    assert caught.value == KafkaError._TIMED_OUT


def test_a_message_of_the_program_has_what_it_was_made_of() -> None:
    error = KafkaError(1)
    message = Message("t", 2, 3, b"k", b"value", [("h", b"1")], error, (1, 1234), 0.5, 7)
    assert (message.topic(), message.partition(), message.offset()) == ("t", 2, 3)
    assert (message.key(), message.value(), message.headers()) == (b"k", b"value", [("h", b"1")])
    assert (message.error(), message.timestamp(), message.latency(), message.leader_epoch()) == (
        error,
        (1, 1234),
        0.5,
        7,
    )
    assert len(message) == 5


def test_an_empty_message_is_none_throughout() -> None:
    message = Message()
    fields = [message.topic, message.partition, message.offset, message.key, message.value, message.headers]
    assert [field() for field in fields] == [None] * 6
    assert (message.error(), message.timestamp(), message.latency()) == (None, (0, 0), None)
    assert len(message) == 0


def test_messages_compare_by_what_they_hold_and_have_no_hash() -> None:
    assert Message("t", 1) == Message("t", 1)
    assert Message("t", 1) != Message("t", 2)
    assert Message() == Message()
    assert Message() != 5
    with pytest.raises(TypeError):
        hash(Message())


def test_messages_survive_pickling_and_can_be_subclassed() -> None:
    class Mine(Message):
        """One with a method more."""

        def text(self) -> str:
            return (self.value() or b"").decode()

    message = Message("t", 2, 3, b"k", b"v", [("h", None)])
    assert pickle.loads(pickle.dumps(message)) == message
    assert Mine("t", value=b"abc").text() == "abc"


def test_what_is_set_on_a_message_is_what_it_gives() -> None:
    message = Message("t", 1, 2, b"k", b"v")
    message.set_key({"any": "object"})
    message.set_value(42)
    message.set_headers([("a", b"b")])
    assert (message.key(), message.value(), message.headers()) == ({"any": "object"}, 42, [("a", b"b")])
    assert (message.topic(), message.offset()) == ("t", 2)


def test_topic_partitions_compare_and_hash_by_topic_and_partition() -> None:
    one = TopicPartition("a", 1, 5)
    assert one == TopicPartition("a", 1, 6)
    assert one < TopicPartition("a", 2) < TopicPartition("b", 0)
    assert hash(one) == hash("a") ^ 1
    assert sorted([TopicPartition("b"), one])[0] is one
    assert one != 3


def test_of_a_topic_partition_only_partition_and_offset_can_be_assigned() -> None:
    one = TopicPartition("a", 1, 5, "meta", 3)
    one.partition, one.offset = 2, 6
    assert (one.topic, one.partition, one.offset, one.metadata, one.leader_epoch, one.error) == (
        "a",
        2,
        6,
        "meta",
        3,
        None,
    )
    for name in ("topic", "metadata", "leader_epoch", "error"):
        with pytest.raises(AttributeError):
            setattr(one, name, None)
    assert repr(one) == "TopicPartition{topic=a,partition=2,offset=6,leader_epoch=3,error=None}"
    assert TopicPartition("a").offset == kafka_rs.OFFSET_INVALID == -1001
    with pytest.raises(TypeError):
        TopicPartition(3)  # type: ignore[arg-type]


def test_a_uuid_is_written_in_base_64() -> None:
    assert str(Uuid(1, 2)) == "AAAAAAAAAAEAAAAAAAAAAg"
    assert Uuid(-1, 2) == Uuid(-1, 2) != Uuid(1, 2)
    assert int(Uuid(1, 2)) == (1 << 64) + 2


def test_partitioners_agree_with_librdkafka() -> None:
    # What confluent-kafka 2.14.2 answers.
    assert [kafka_rs.murmur2(key, 1000) for key in (b"hello world",)] == [59]
    assert [kafka_rs.murmur2(b"abc", 10), kafka_rs.murmur2(b"abc", 7), kafka_rs.murmur2(b"", 10)] == [7, 4, 1]
    assert [kafka_rs.consistent(b"abc", 10), kafka_rs.consistent(b"hello", 1000)] == [8, 870]
    assert [kafka_rs.fnv1a(b"abc", 10), kafka_rs.fnv1a(b"hello world", 1000), kafka_rs.fnv1a(b"", 10)] == [1, 489, 5]
    with pytest.raises(ValueError, match="partition_count must be > 0"):
        kafka_rs.murmur2(b"abc", 0)
    with pytest.raises(TypeError):
        kafka_rs.murmur2("abc", 10)  # type: ignore[arg-type]


def test_versions() -> None:
    assert kafka_rs.__version__ == kafka_rs.version()
    text, number = kafka_rs.libversion()
    assert text.startswith("2.") and number >> 24 == 2


def test_the_old_module_names_are_there() -> None:
    import kafka_rs.cimpl
    import kafka_rs.error

    assert kafka_rs.cimpl.Consumer is kafka_rs.Consumer
    assert issubclass(kafka_rs.error.ConsumeError, KafkaException)
