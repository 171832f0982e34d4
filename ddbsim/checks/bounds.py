"""What the package takes beyond AWS's own limits: bounds that keep a typed value from running for ever.

None is a limit of the service. Each is far beyond what a simulation of it needs, and near enough that a run at the
bound ends, that sums of float64 stay exact to a microsecond, and that what is counted fits its column.
"""

from __future__ import annotations

import math
import os
from datetime import UTC, datetime
from numbers import Real
from typing import Any, Final

from .wording import shown

__all__ = [
    "FIRST_YEAR",
    "LARGEST",
    "LAST_YEAR",
    "LEAST",
    "LEAST_INTERVAL_S",
    "LEAST_LIFETIME_S",
    "LEAST_POLL_S",
    "LONGEST_RUN_S",
    "MOST_BYTES_PER_BYTE",
    "MOST_CLIENTS",
    "MOST_FILE_BYTES",
    "MOST_ITEMS",
    "MOST_OVERHEAD_BYTES",
    "MOST_PARTITIONS",
    "MOST_PATH_CHARACTERS",
    "MOST_PERIODS",
    "MOST_SIGMA",
    "MOST_WHOLE",
    "beyond",
    "instant",
    "is_number",
    "local_path",
]

#: The largest number of any field. Products of two stay exact enough in float64, and squares do not overflow.
LARGEST: Final = 1e12
#: The least number > 0 of any field: a reciprocal of a smaller one, times the largest, would leave what int64 holds.
LEAST: Final = 1e-9
#: The shortest interval, back-off or stretch, seconds: a process that repeats it is an event for each.
LEAST_INTERVAL_S: Final = 0.001
#: The shortest time between polls of Lambda, seconds: those that find nothing are no events.
LEAST_POLL_S: Final = 0.0001
#: The shortest mean life of a shard, seconds: each shard is a process with columns of its own.
LEAST_LIFETIME_S: Final = 1.0
#: The longest run, seconds (ten years of 365.25 days): minutes and shards are rows, also where nothing happens.
LONGEST_RUN_S: Final = 315_576_000.0
#: The largest whole number of any field: exact in float64, and its products with a few thousand in int64.
MOST_WHOLE: Final = 10**15
#: Items of a table: ids, and brand-new ones after them, are exact in float64, with which Zipfian draws them.
MOST_ITEMS: Final = 10**15
#: Clients that each have a state of their own: an array row, a bucket of retry tokens.
MOST_CLIENTS: Final = 1_000_000
#: Numbers of partitions, those that split included: the columns hold uint16.
MOST_PARTITIONS: Final = 65_535
#: The size of a text file that is read as a whole.
MOST_FILE_BYTES: Final = 2**28
#: The longest path, in characters: no system has a file behind a longer one.
MOST_PATH_CHARACTERS: Final = 4096
#: Periods of a trace, filled gaps included: 19 years of minutes.
MOST_PERIODS: Final = 10_000_000
#: The widest log-normal, as the standard deviation of the logarithm: its p99 is ten thousand million medians.
MOST_SIGMA: Final = 10.0
#: Bytes that an event adds to a record: a Lambda event has 6 MB in all, and payloads are int32.
MOST_OVERHEAD_BYTES: Final = 6 * 2**20
#: Bytes of the event for a byte that is stored: JSON that escapes each character has six.
MOST_BYTES_PER_BYTE: Final = 100.0
#: Years of dates: what pandas counts in ns, with room for the longest run and any zone.
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2200


def is_number(value: Any, *, low: float = -LARGEST, high: float = LARGEST, above: bool = False) -> bool:
    """Whether a value is a finite number in [low, high]; with `above` in (low, high], and far enough from 0."""
    # compared, never made a float: a whole number of 400 digits is none
    number = isinstance(value, Real) and not isinstance(value, bool)
    return number and bool(low <= value <= high) and not (above and (value == low or value < LEAST))


def beyond(value: Any, *, low: float, high: float = LARGEST) -> str:
    """Return what ``> low`` or ``>= low`` does not say yet of a number that is refused, to be put after it."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not low < value < math.inf:
        return ""
    return f" and <= {high:g}" if value > high else f" and >= {LEAST:g}"


def instant(
    where: str, value: Any, *, words: str = "an ISO 8601 instant", kind: type[ValueError] = ValueError
) -> datetime:
    """Return an ISO 8601 text as a date and time in UTC, which it is in if it names no zone; raise ValueError."""
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise kind(f"{where} must be {words}, got {shown(value, most=60)}") from None
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        years = f"of the years {FIRST_YEAR}..{LAST_YEAR}"
        raise kind(f"{where} must be {words}, {years}, got {shown(value, most=60)}")
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def local_path(where: str, value: Any, *, kind: type[ValueError] = ValueError) -> str:
    """Return the path of a file as a text; raise ValueError for a URL (nothing is fetched), and for what is no path."""
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(text, str) or not text or "\0" in text or len(text) > MOST_PATH_CHARACTERS:
        raise kind(f"{where} must be the path of a file, got {shown(value)}")
    scheme, found, _ = text.partition("://")
    if found and scheme.replace("+", "").isalnum():
        raise kind(f"{where} must be the path of a file here, and is not fetched from elsewhere, got {shown(value)}")
    return text
