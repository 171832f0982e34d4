"""What throttling at the table did to the way from intent to completion, beside what the stream took."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .lag import grid

__all__ = ["table_delay"]

_WRITE = ["item_id", "written_s"]
_COLUMNS = (
    "event_source_mapping",
    "at_s",
    "records",
    "throttled",
    "attempts",
    "at_table_s",
    "in_stream_s",
    "total_s",
    "table_share",
)


def table_delay(
    writes: pd.DataFrame,
    stream_log: pd.DataFrame,
    *,
    every_s: float | None = None,
    ended_s: float | None = None,
    warmup_s: float = 0.0,
) -> pd.DataFrame:
    """Return how much of the delay from a client's intent to the processed record was spent at the table.

    A throttled write reaches the stream late, and its record knows nothing of that: the latency of the stream begins
    at the write. Here both are put together, by the time at which clients asked.

    Parameters
    ----------
    writes, stream_log
        Frames of a run.
    every_s
        Step of the time grid, seconds; None for 200 steps.
    ended_s
        End of the run; the last write if None.
    warmup_s
        What was asked for before is left out, seconds.

    Returns
    -------
    DataFrame
        event_source_mapping, at_s (end of the step in which the writes were asked for), records (processed), throttled
        (those of them whose write was refused at least once), attempts (mean, of the write), at_table_s (mean from the
        first attempt to the write), in_stream_s (mean from the write to the record's completion: the stream's
        latency), total_s (their sum), table_share (of the total, in 0..1; NaN where nothing took time). Steps without
        records have no row. Writes that were lost or still wait are in `writes`, and deletes of expired items, which
        no client asked for, in neither.
    """
    if ended_s is None:
        ended_s = float(writes["requested_s"].max()) if len(writes) else 1.0
    ends_s = grid(every_s, ended_s)
    changes = writes[(writes["outcome"] == "admitted") & (writes["operation"] != "NO_OP")]
    asked = _in_turn(changes[["item_id", "written_s", "requested_s", "attempts"]], _WRITE)
    done = stream_log[["event_source_mapping", "item_id", "written_s", "completed_s"]]
    done = _in_turn(done, ["event_source_mapping", *_WRITE])[stream_log["outcome"] == "processed"]
    both = done.merge(asked[asked["requested_s"] >= warmup_s], on=[*_WRITE, "turn"], validate="many_to_one")
    step = np.minimum(np.searchsorted(ends_s, both["requested_s"], side="right"), len(ends_s) - 1)
    by_record = pd.DataFrame(
        {
            "event_source_mapping": both["event_source_mapping"],
            "at_s": ends_s[step],
            "records": 1,
            "throttled": both["attempts"] > 1,
            "attempts": both["attempts"],
            "at_table_s": both["written_s"] - both["requested_s"],
            "in_stream_s": both["completed_s"] - both["written_s"],
        }
    )
    groups = by_record.groupby(["event_source_mapping", "at_s"], observed=True)
    told = groups[["records", "throttled"]].sum().join(groups[["attempts", "at_table_s", "in_stream_s"]].mean())
    told["total_s"] = told["at_table_s"] + told["in_stream_s"]
    told["table_share"] = told["at_table_s"] / told["total_s"].where(told["total_s"] > 0)
    return told.reset_index()[list(_COLUMNS)]


def _in_turn(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return the frame with `turn`: several writes of an item may have one instant, and so may their records."""
    return frame.assign(turn=frame.groupby(by, observed=True).cumcount())
