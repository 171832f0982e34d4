"""The numbers of one mapping in one run: told once, for the summary, the experiments, the comparisons and the explorer.

One rule for the warm-up: a record counts if it was *written* at or after its end, an attempt if it *started* then, and
of the lanes' time what lies after it. A run that was interrupted within its warm-up is looked at whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.log import outcomes

from .lag import ages
from .utilization import busy_share

__all__ = ["MappingNumbers", "lane_seconds", "mapping_numbers", "measured_from_s"]


# of the log: a mask of the whole frame would copy every column
_LOOKED_AT = [
    "event_source_mapping",
    "shard_id",
    "sequence_number",
    "written_s",
    "visible_s",
    "completed_s",
    "size_bytes",
    "deliveries",
    "outcome",
]


def measured_from_s(warmup_s: float, ended_s: float) -> float:
    """Return from when a run is measured, seconds: the end of its warm-up, or 0 if it did not live to see it."""
    return warmup_s if warmup_s < ended_s else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingNumbers:
    """What a mapping did after the warm-up.

    Attributes
    ----------
    begin_s, ended_s
        From when to when, seconds.
    records
        Records written, by what became of them: name of the outcome -> number. Their sum is all that were written.
    repeated_deliveries
        Deliveries of records beyond their first.
    record_bytes
        Mean SizeBytes; NaN without a record.
    attempts, invocations, failed, throttles, too_large
        Attempts to invoke; those that ran; those of them that failed, wholly or in part; those refused for want of
        concurrency; those whose event was over 6 MB.
    records_per_invocation, payload_bytes, duration_s
        Means over the attempts that ran; NaN if none did.
    lag_max_s
        The greatest age that a record reached before it was settled, or has reached at the end, seconds; what waits at
        the end counts whenever it was written.
    lag_end_s
        How far behind it is at the end: the age of the oldest record that is not settled, whenever it was written,
        seconds; 0 if there is none.
    iterator_age_max_s
        CloudWatch's maximum of IteratorAge; NaN if nothing was sent.
    utilization
        The share of the lanes' time spent in invocations, 0..1.
    lanes
        How many lanes there were on average.
    """

    begin_s: float
    ended_s: float
    records: dict[str, int]
    repeated_deliveries: int
    record_bytes: float
    attempts: int
    invocations: int
    failed: int
    throttles: int
    too_large: int
    records_per_invocation: float
    payload_bytes: float
    duration_s: float
    lag_max_s: float
    lag_end_s: float
    iterator_age_max_s: float
    utilization: float
    lanes: float

    @property
    def written(self) -> int:
        """Records written."""
        return sum(self.records.values())

    @property
    def lost(self) -> int:
        """Records given up or expired."""
        return sum(self.records[name] for name in outcomes.LOST)

    @property
    def measured_s(self) -> float:
        """How long it was measured, seconds."""
        return self.ended_s - self.begin_s

    @property
    def invocations_per_s(self) -> float:
        """Invocations that ran, per second."""
        return self.invocations / self.measured_s if self.measured_s > 0 else 0.0

    @property
    def concurrency(self) -> float:
        """How many invocations ran at once on average."""
        return self.utilization * self.lanes


def mapping_numbers(
    stream_log: pd.DataFrame,
    invocations: pd.DataFrame,
    shards: pd.DataFrame,
    discards: pd.DataFrame,
    label: str,
    *,
    parallelization_factor: int,
    warmup_s: float,
    ended_s: float,
) -> MappingNumbers:
    """Return the numbers of a mapping.

    Parameters
    ----------
    stream_log, invocations, shards, discards
        Frames of a run, of all mappings.
    label
        The mapping's name in the log.
    parallelization_factor
        Its lanes per shard.
    warmup_s, ended_s
        Of the run, seconds.
    """
    begin_s = measured_from_s(warmup_s, ended_s)
    whole = _rows(stream_log[_LOOKED_AT], _measured(stream_log, label, "written_s", 0.0))
    log = _rows(whole, (whole["written_s"] >= begin_s).to_numpy())
    attempts = invocations[invocations["event_source_mapping"] == label]
    sent = attempts[(attempts["started_s"] >= begin_s).to_numpy()]
    ran = sent[outcomes.ran(sent)]
    lane_s = lane_seconds(shards, begin_s, ended_s) * parallelization_factor
    counts = log["outcome"].value_counts()
    ages_s, waited_s = ages(whole, discards, begin_s=begin_s, ended_s=ended_s)
    return MappingNumbers(
        begin_s=begin_s,
        ended_s=ended_s,
        records={name: int(counts.get(name, 0)) for name in outcomes.RECORD_OUTCOMES},
        repeated_deliveries=int(np.maximum(log["deliveries"].to_numpy() - 1, 0).sum()),
        record_bytes=float(log["size_bytes"].mean()),
        attempts=len(sent),
        invocations=len(ran),
        failed=int(outcomes.failed(ran).sum()),
        throttles=int(outcomes.throttled(sent).sum()),
        too_large=int(outcomes.too_large(sent).sum()),
        records_per_invocation=float(ran["records"].mean()),
        payload_bytes=float(ran["payload_bytes"].mean()),
        duration_s=float(ran["duration_s"].mean()),
        lag_max_s=float(ages_s.max(initial=0.0)),
        lag_end_s=float(waited_s.max(initial=0.0)),
        iterator_age_max_s=float(ran["iterator_age_s"].max()),
        utilization=busy_share(attempts, lane_s, begin_s=begin_s, ended_s=ended_s),
        lanes=lane_s / (ended_s - begin_s) if ended_s > begin_s else 0.0,
    )


def _rows(frame: pd.DataFrame, wanted: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """Return some rows; no copy where all are wanted."""
    return frame if wanted.all() else frame[wanted]


def lane_seconds(shards: pd.DataFrame, begin_s: float, ended_s: float) -> float:
    """Return how long shards were open in [begin_s, ended_s], all together, seconds."""
    opened = shards["opened_s"].to_numpy()
    closed = np.nan_to_num(shards["closed_s"].to_numpy(), nan=np.inf)
    return float(np.maximum(np.minimum(closed, ended_s) - np.maximum(opened, begin_s), 0.0).sum())


def _measured(frame: pd.DataFrame, label: str, at: str, begin_s: float) -> npt.NDArray[np.bool_]:
    mine = (frame["event_source_mapping"] == label).to_numpy()
    return mine & (frame[at] >= begin_s).to_numpy() if begin_s > 0 else mine
