"""What the self-check looks at, and how it says what it found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.log import outcomes

__all__ = [
    "CHECKED_FRAMES",
    "CLOSE_S",
    "CONSUMER",
    "CheckInput",
    "Violation",
    "Violations",
    "codes",
    "contradictions",
    "records_of",
    "same_values",
]

#: The frames that are judged.
CHECKED_FRAMES: Final = (
    "stream_log",
    "invocations",
    "writes",
    "shards",
    "discards",
    "metrics",
    "latency_parts",
    "waiting_parts",
    "reads",
    "read_log",
)

#: The column that names the consumer, in every frame that has one.
CONSUMER = "event_source_mapping"

#: Instants this close are the same: sums of the same durations in another order differ by less.
CLOSE_S = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckInput:
    """The frames of a run, and the few settings without which they cannot be judged.

    Attributes
    ----------
    stream_log, invocations, writes, shards, discards, metrics, latency_parts, waiting_parts, reads, read_log
        The frames.
    ended_s
        End of the run, seconds.
    retention_s
        Age at which the stream trims a record, seconds.
    maximum_retry_attempts, maximum_record_age_in_seconds
        Of each mapping, by its name; -1 for no limit.
    """

    stream_log: pd.DataFrame
    invocations: pd.DataFrame
    writes: pd.DataFrame
    shards: pd.DataFrame
    discards: pd.DataFrame
    metrics: pd.DataFrame
    latency_parts: pd.DataFrame
    waiting_parts: pd.DataFrame
    reads: pd.DataFrame
    read_log: pd.DataFrame
    ended_s: float
    retention_s: float
    maximum_retry_attempts: Mapping[str, int]
    maximum_record_age_in_seconds: Mapping[str, int]

    def records(self) -> pd.DataFrame:
        """Return the records of the stream, a row each."""
        return records_of(self.stream_log, self.read_log)

    def ran(self) -> pd.DataFrame:
        """Return the invocations that the function saw."""
        return self.invocations[outcomes.ran(self.invocations)]

    def taken(self) -> pd.DataFrame:
        """Return the writes that the table took."""
        return self.writes[self.writes["outcome"] == "admitted"]


def records_of(stream_log: pd.DataFrame, read_log: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of one consumer: those of each tell of the same records. A reader's where no mapping is."""
    log, consumer = (stream_log, CONSUMER) if len(stream_log) else (read_log, "reader")
    return log[log[consumer] == log[consumer].iloc[0]] if len(log) else log


@dataclass(frozen=True, slots=True)
class Violation:
    """Rows that contradict what must hold, told by the first of them."""

    rows: int
    first: str


Violations = Iterator[Violation]


def contradictions(frame: pd.DataFrame, wrong: npt.ArrayLike, sentence: str) -> Violations:
    """Yield a finding if any row is wrong.

    Parameters
    ----------
    frame
        The rows.
    wrong
        Which of them are, a boolean per row.
    sentence
        What is wrong with the first; names in braces stand for its columns. No name that a user gave may be in it
        otherwise: braces in one would be read.
    """
    places = np.flatnonzero(np.asarray(wrong, dtype=bool))
    if len(places):
        first = {str(name): value for name, value in frame.iloc[int(places[0])].items()}
        yield Violation(len(places), sentence.format(**first))


def codes(names: pd.Series[Any]) -> npt.NDArray[np.int64]:
    """Return a column of names as numbers that are equal where the names are, for sorting: cheap for categoricals."""
    return np.asarray(names.astype("category").cat.codes, dtype=np.int64)


def same_values(one: pd.Series[Any], other: pd.Series[Any]) -> npt.NDArray[np.bool_]:
    """Return where two columns of the same length hold the same, row by row, whatever their labels; none is none."""
    if isinstance(one.dtype, pd.CategoricalDtype) and isinstance(other.dtype, pd.CategoricalDtype):
        places = one.cat.categories.get_indexer(other.cat.categories)
        theirs = np.append(places, -1)[np.asarray(other.cat.codes)]  # -1, none, takes the last
        known = np.asarray(other.cat.codes < 0) | (theirs >= 0)
        equal: npt.NDArray[np.bool_] = (np.asarray(one.cat.codes) == theirs) & known
        return equal
    left, right = one.to_numpy(), other.to_numpy()
    same: npt.NDArray[np.bool_] = (left == right) | (pd.isna(left) & pd.isna(right))
    return same
