import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Self

from ._error import KafkaError
from ._kinds import Place, Row
from ._types import Data, DeliveryCallback, HeadersType

def version() -> str: ...
def librdkafka_version() -> str: ...
def error_name(code: int) -> str: ...
def error_text(code: int) -> str: ...
def conf_get(producer: bool, settings: list[tuple[str, str, bool]], name: str) -> str: ...
def _forked() -> None: ...
def admin_topics(
    client: int,
    enlarge: bool,
    topics: list[tuple[str, int, int, list[str], list[int]]],
    validate_only: bool,
    timeout: float,
) -> list[Row]: ...
def admin_delete_topics(client: int, topics: list[str], timeout: float) -> list[Row]: ...
def cluster_metadata(client: int, topic: str | None, timeout: float) -> list[Row]: ...
def cluster_identity(client: int, timeout: float) -> tuple[str | None, int]: ...
def cluster_watermarks(client: int, topic: str, partition: int, timeout: float) -> tuple[int, int]: ...
def client_set_sasl(client: int, user: str, password: str) -> None: ...
def client_set_token(
    client: int,
    token: str,
    lifetime_ms: int,
    principal: str,
    extensions: list[tuple[str, str]],
) -> None: ...
def client_token_failed(client: int, reason: str) -> None: ...

class Message:
    """A message that was received, or whose delivery is reported."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        topic: str | None = None,
        partition: int | None = None,
        offset: int | None = None,
        key: Any = None,
        value: Any = None,
        headers: HeadersType | None = None,
        error: KafkaError | None = None,
        timestamp: tuple[int, int] | None = None,
        latency: float | None = None,
        leader_epoch: int | None = None,
    ) -> None: ...
    def topic(self) -> str | None:
        """The topic's name."""
    def partition(self) -> int | None:
        """The partition's number."""
    def offset(self) -> int | None:
        """The offset."""
    def key(self) -> bytes | None:
        """The key, or None."""
    def value(self) -> bytes | None:
        """The value, or None. Of an error, its text."""
    def headers(self) -> HeadersType | None:
        """The headers, a list of (key, value), or None if there are none."""
    def error(self) -> KafkaError | None:
        """None for a message, else what happened."""
    def timestamp(self) -> tuple[int, int]:
        """(type, milliseconds since the epoch)."""
    def latency(self) -> float | None:
        """Seconds from produce() to the report, in a delivery report."""
    def leader_epoch(self) -> int | None:
        """The leader epoch, or None."""
    def set_topic(self, value: Any) -> None:
        """Sets what topic() gives."""
    def set_headers(self, value: HeadersType | None) -> None:
        """Sets what headers() gives."""
    def set_key(self, value: Any) -> None:
        """Sets what key() gives, to any object."""
    def set_value(self, value: Any) -> None:
        """Sets what value() gives, to any object."""
    def set_error(self, value: Any) -> None:
        """Sets what error() gives."""
    def __len__(self) -> int: ...
    def __eq__(self, other: object) -> bool: ...

class ArrowRows:
    """Messages in columns, as consume_arrow() gives them."""

    @property
    def errors(self) -> list[Message]:
        """What came before the messages and is none: errors of partitions, and their ends."""
    @property
    def offsets(self) -> memoryview[int]:
        """Offsets, int64, without a copy."""
    @property
    def partitions(self) -> memoryview[int]:
        """Partitions, int32, without a copy."""
    @property
    def timestamps(self) -> memoryview[int]:
        """Milliseconds since the epoch, int64, -1 = none, without a copy."""
    def positions(self) -> list[tuple[str, int, int]]:
        """For each partition the offset after its last row: what to commit."""
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Message: ...
    def __iter__(self) -> Iterator[Message]: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

class ChannelClosed(Exception):
    """The channel is closed, and empty if it was to be received from."""

class Channel:
    """A bounded queue between threads, as Go has it."""

    def __init__(self, capacity: int = 0) -> None: ...
    def send(
        self,
        value: Data | None,
        key: Data | None = None,
        headers: HeadersType | None = None,
        timeout: float = -1,
    ) -> None:
        """Sends a value, waiting up to `timeout` seconds for room (-1 = for ever)."""
    def recv(self, timeout: float = -1) -> Message:
        """Receives a value, as a Message, waiting up to `timeout` seconds (-1 = for ever)."""
    def close(self) -> None:
        """No more is sent; receivers get what is left, and then ChannelClosed."""
    def __iter__(self) -> Self: ...
    def __next__(self) -> Message: ...
    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...

def select(*cases: Channel | tuple[Channel, Data | None], timeout: float = -1) -> tuple[int, Message | None]:
    """Does the first of several cases that is ready, or one of them at random if several are."""

class ConsumerCore:
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    def poll(self, timeout: float = -1) -> Message | None:
        """The next message, or None if none came within `timeout` seconds (-1 = wait for ever)."""
    def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Message]:
        """Up to `num_messages` messages."""
    def consume_arrow(self, max_rows: int = 10_000, timeout: float = -1) -> ArrowRows:
        """Up to `max_rows` messages as columns."""
    def wakeup(self) -> None:
        """Makes a poll(), consume() or iteration that waits, or the next one, return at once."""
    def __iter__(self) -> Self: ...
    def __next__(self) -> Message: ...
    def _open(self, settings: list[tuple[str, str, bool]]) -> str: ...
    def _subscribe(self, topics: list[str]) -> None: ...
    def _unsubscribe(self) -> None: ...
    def _application_rebalance(self, enabled: bool) -> None: ...
    def _assign(self, how: int, places: list[Place]) -> None: ...
    def _now(self, what: str, places: list[Place]) -> list[Row]: ...
    def _ask(self, what: str, places: list[Place], timeout: float) -> list[Row]: ...
    def _commit_later(self, places: list[Place] | None, opaque: int) -> None: ...
    def _serve(self, timeout: float, done: Callable[[], object]) -> bool: ...
    def _member_id(self) -> str: ...
    def consumer_group_metadata(self) -> bytes:
        """What a transactional producer needs to know of the group, for send_offsets_to_transaction()."""
    @property
    def _client(self) -> int: ...
    def _settle(self) -> None: ...
    def _fd(self) -> int: ...
    def _left(self) -> int: ...
    def _close(self, timeout: float) -> bool | None: ...
    @property
    def _is_closed(self) -> bool: ...

class LoopCalls:
    """What an asyncio loop is to call for futures that are done."""

    def __init__(self, event_loop: asyncio.AbstractEventLoop) -> None: ...
    def __call__(self) -> None: ...
    def settle(self, futures: list[Any], reports: list[Message]) -> None:
        """Gives futures their reports."""

# What asyncio takes for a future (`asyncio.isfuture`), though not an instance of its class.
class DeliveryFuture(asyncio.Future[Message]):
    """The future of a report, on the loop of its AIOProducer."""

    def __init__(self, calls: LoopCalls) -> None: ...

class ProducerCore:
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    def produce(
        self,
        topic: str,
        value: Data | None = None,
        key: Data | None = None,
        partition: int = -1,
        callback: DeliveryCallback | None = None,
        on_delivery: DeliveryCallback | None = None,
        timestamp: int = 0,
        headers: HeadersType | None = None,
    ) -> None:
        """Sends a message, asynchronously."""
    def _produce_for(
        self,
        future: Any,
        topic: str,
        value: Data | None,
        key: Data | None,
        partition: int,
        timestamp: int,
        headers: HeadersType | None,
    ) -> None: ...
    def _produce_awaited(
        self,
        calls: LoopCalls,
        topic: str,
        value: Data | None,
        key: Data | None,
        partition: int,
        timestamp: int,
        headers: HeadersType | None,
    ) -> DeliveryFuture | None: ...
    def produce_batch(
        self,
        topic: str,
        messages: list[dict[str, Any]],
        partition: int = -1,
        callback: DeliveryCallback | None = None,
        on_delivery: DeliveryCallback | None = None,
    ) -> int:
        """Sends messages of one topic with a single call. Returns how many were accepted."""
    def poll(self, timeout: float = -1) -> int:
        """Calls back for what has been reported meanwhile."""
    def flush(self, timeout: float = -1) -> int:
        """Waits until every message has its outcome. Returns the number of messages that are left."""
    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
    def _open(
        self,
        settings: list[tuple[str, str, bool]],
        on_delivery: Callable[..., Any] | None,
        on_reports: Callable[..., Any] | None,
        only_errors: bool,
    ) -> str: ...
    def _purge(self, flags: int) -> None: ...
    def _begin(self) -> None: ...
    def _txn(self, what: str, timeout: float, offsets: list[Place], group: bytes) -> None: ...
    @property
    def _client(self) -> int: ...
    def _wait_sent(self, timeout: float) -> None: ...
    def _fd(self) -> int: ...
    def _close(self, timeout: float) -> bool | None: ...
    @property
    def _is_closed(self) -> bool: ...

class MockCore:
    def __init__(self, brokers: int = 1) -> None: ...
    def create_topic(self, name: str, partitions: int = 1, replication_factor: int = 1) -> None:
        """Makes a topic."""
    def set_broker_down(self, broker: int) -> None:
        """Takes a broker away, as if it had died. Brokers are numbered from 1."""
    def set_broker_up(self, broker: int) -> None:
        """Brings a broker back, with what it kept."""
    def set_broker_delay(self, broker: int, seconds: float) -> None:
        """Has a broker answer so many seconds later from now on."""
    def bootstrap_servers(self) -> str:
        """The value for `bootstrap.servers`."""
    def close(self) -> None:
        """Stops the cluster. Closing again does nothing."""
