"""Readers of the stream that are not Lambda: they pay for their reads, and share each shard with all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from ddbsim.aws import limits, transports

from .checks import check_choice, check_interval, check_name, check_number, check_whole, take_numpy_numbers

__all__ = ["ReaderKind", "StreamReader"]

ReaderKind: TypeAlias = Literal["kcl", "flink", "custom"]

# seconds to the next read after one that brought records, and after an empty one
_RHYTHM = {
    "kcl": (transports.KCL_BUSY_S.value, transports.KCL_IDLE_S.value),
    "flink": (transports.FLINK_BUSY_S.value, transports.FLINK_IDLE_S.value),
    "custom": (1.0, 1.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamReader:
    """A process that reads the stream with GetRecords: a KCL application, a Flink job, or a poller of your own.

    Parameters
    ----------
    name
        Names it in `Result.reads`.
    kind
        "kcl" (the Kinesis adapter for DynamoDB Streams), "flink", or "custom": sets the rhythm.
    interval_s, empty_interval_s
        From one read of a shard to the next, seconds, >= 0.001: after one that brought records, and after an empty one.
        None: what the kind has.
    records_per_read
        1..1,000.
    discovery_s
        From the end of a shard to the first read of its children, seconds.
    """

    name: str = "reader"
    kind: ReaderKind = "custom"
    interval_s: float | None = None
    empty_interval_s: float | None = None
    records_per_read: int = limits.RECORDS_PER_READ.value
    discovery_s: float = 0.0

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_name("StreamReader.name", self.name)
        check_choice("StreamReader.kind", self.kind, get_args(ReaderKind))
        for name in ("interval_s", "empty_interval_s"):
            if getattr(self, name) is not None:
                check_interval(f"StreamReader.{name}", getattr(self, name))
        check_whole(self, "records_per_read", low=1, high=limits.RECORDS_PER_READ.value)
        check_number("StreamReader.discovery_s", self.discovery_s)

    @property
    def rhythm_s(self) -> tuple[float, float]:
        """Seconds to the next read after one that brought records, and after an empty one."""
        usual, usual_empty = _RHYTHM[self.kind]
        interval_s = usual if self.interval_s is None else self.interval_s
        # a poller of one's own has one rhythm unless told otherwise
        empty = interval_s if self.kind == "custom" else usual_empty
        return interval_s, empty if self.empty_interval_s is None else self.empty_interval_s
