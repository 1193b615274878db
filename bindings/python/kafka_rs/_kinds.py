"""What a row of the core is; the numbers of the header's KRS_EVENT_* and KRS_ROW_*."""

from __future__ import annotations

ERROR = 3
COMMIT = 5
STATS = 6
PARTITION = 8
ASSIGN = 9
REVOKE = 10
TOKEN_REFRESH = 11
BROKER = 12
TOPIC = 13
THROTTLE = 14

FATAL = 2
LOST = 4

Row = tuple[int, int, int, str | None, int, int, int, int, bytes | None, bytes | None]
"""kind, flags, code, topic, partition, offset, leader epoch, opaque, key, value"""

Place = tuple[str, int, int, int, str | None]
"""topic, partition, offset, leader epoch (-1 = none), metadata"""


def text(row: Row) -> str:
    """The value of a row as text."""
    return (row[9] or b"").decode("utf-8", "replace")
