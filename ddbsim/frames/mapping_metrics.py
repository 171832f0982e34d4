"""CloudWatch's metrics of an event source mapping: they count records, not batches.

Source: Types of metrics for Lambda functions,
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html, 2026-11; that records are counted, and that
without a destination nothing is counted as dropped, from recordings of the service, 2026-09.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.log.outcomes import FAILED_INVOKES, Settled
from ddbsim.record.recorder import Recorder
from ddbsim.record.recording import LaneRecords

__all__ = ["mapping_metrics"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def mapping_metrics(
    mapping: int,
    lanes: Sequence[LaneRecords],
    recorder: Recorder,
    invocations: pd.DataFrame,
    discards: pd.DataFrame,
    minutes: int,
) -> dict[str, Ints]:
    """Return each metric of one mapping by minute.

    Parameters
    ----------
    mapping
        Its number.
    lanes, recorder
        What the run recorded: the lanes in the order of their numbers.
    invocations, discards
        The mapping's rows of these frames.
    minutes
        How many.
    """
    sent = invocations["records"].to_numpy()
    ends_s = (invocations["started_s"] + invocations["init_s"] + invocations["duration_s"].fillna(0.0)).to_numpy()
    failed = invocations["outcome"].isin(FAILED_INVOKES).to_numpy()
    given = discards[discards["destination"].notna()]
    lost, kept = given[~given["delivered"]], given[given["delivered"]]
    mine = [(number, lane) for number, lane in enumerate(lanes) if lane.mapping == mapping]
    return {
        "PolledEventCount": _polled(mine, minutes),
        "FilteredOutEventCount": _filtered(mine, recorder, minutes),
        "InvokedEventCount": _by_minute(invocations["started_s"].to_numpy(), sent, minutes),
        "FailedInvokeEventCount": _by_minute(ends_s[failed], sent[failed], minutes),
        "DroppedEventCount": _by_minute(lost["discarded_s"].to_numpy(), lost["records"].to_numpy(), minutes),
        "OnFailureDestinationDeliveredEventCount": _by_minute(
            kept["discarded_s"].to_numpy(), kept["records"].to_numpy(), minutes
        ),
        "DestinationDeliveryFailures": _by_minute(
            lost["discarded_s"].to_numpy(), np.ones(len(lost), dtype=np.int64), minutes
        ),
    }


def _by_minute(at_s: Floats, amount: Ints, minutes: int) -> Ints:
    """Return the sum of the amounts in each minute of the run; what lies beyond its end is left out."""
    inside = (at_s >= 0) & (at_s < minutes * 60.0)
    minute = (at_s[inside] // 60.0).astype(np.int64)
    return np.bincount(minute, weights=amount[inside], minlength=minutes).astype(np.int64)


def _polled(lanes: list[tuple[int, LaneRecords]], minutes: int) -> Ints:
    # all lanes of a shard have one reader
    polls = {id(lane.polls): lane.polls for _, lane in lanes}.values()
    if not polls:
        return np.zeros(minutes, dtype=np.int64)
    at_s = np.concatenate([one.page_at for one in polls])
    return _by_minute(at_s, np.concatenate([one.page_records for one in polls]), minutes)


def _filtered(lanes: list[tuple[int, LaneRecords]], recorder: Recorder, minutes: int) -> Ints:
    column, aside = recorder.settled.arrays(), {number: lane for number, lane in lanes if lane.lane < 0}
    filtered = np.flatnonzero(column["outcome"] == Settled.FILTERED)
    read_s = [np.empty(0)]
    for row in filtered[np.isin(column["lane"][filtered], list(aside))].tolist():
        lane = aside[int(column["lane"][row])]
        assert lane.positions is not None
        positions = lane.positions[int(column["first"][row]) : int(column["last"][row])]
        read_s.append(lane.polls.read_s(int(positions.max(initial=-1)) + 1)[positions])
    at_s = np.concatenate(read_s)
    return _by_minute(at_s, np.ones(len(at_s), dtype=np.int64), minutes)
