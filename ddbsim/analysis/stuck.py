"""Lanes that stand still at the end of a run: which, since when, and what for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ddbsim.log import outcomes
from ddbsim.log.reasons import Reason, sentence
from ddbsim.log.sentences import count_of

__all__ = ["stuck_notes", "stuck_shards"]

_LANE = ["event_source_mapping", "shard_id", "lane"]
_COLUMNS = (
    *_LANE, "waits_for", "waited_s", "records", "attempt", "throttles", "nothing_sent_s", "error_type", "error_message",
)  # fmt: skip
# waiting this much longer than any record took that was processed needs no further sign
_BY_FAR = 3.0
# so many cycles of polls or windows pass before a lane is looked at that has processed nothing
_CYCLES = 4.0
# by chance few batches come so far
_TRIES = 6
# bounded by the function's own timeout
_BOUNDED = ("visibility", "cold_start", "handler", "window")

_FOR = {
    "poll_wait": "a poll",
    "discovery": "Lambda to find the shard",
    "queue_wait": "earlier records to be read and done",
}


def stuck_shards(
    waiting_parts: pd.DataFrame,
    invocations: pd.DataFrame,
    stream_log: pd.DataFrame,
    *,
    cycles_s: Mapping[str, float],
    ended_s: float,
) -> pd.DataFrame:
    """Return the lanes that stand still, the one that has waited longest first.

    Parameters
    ----------
    waiting_parts, invocations, stream_log
        Frames of a run.
    cycles_s
        By mapping, how long its records wait on purpose at the most (polls, batching windows), seconds.
    ended_s
        End of the run, seconds.

    Returns
    -------
    DataFrame
        event_source_mapping, shard_id, lane; waits_for: the part that its oldest record is in; waited_s: for how long
        in all; records: that wait in the lane; attempt: the number of its batch's last attempt (0 if none was made);
        throttles: since when nothing else happened, attempts that were refused; nothing_sent_s: time since a batch was
        last sent (since the oldest record was written, if none was); error_type, error_message: of the last failure.

    Notes
    -----
    A lane stands still if its oldest record has waited longer than any took that was processed and its batch is in its
    second attempt at least; longer than the slowest hundredth took, in its sixth; or three times as long as any took.
    """
    found = [
        row
        for name, waiting in waiting_parts.groupby("event_source_mapping", observed=True)
        for row in _of_mapping(str(name), waiting, invocations, stream_log, cycles_s[str(name)], ended_s)
    ]
    frame = pd.DataFrame(found, columns=list(_COLUMNS))
    return frame.sort_values("waited_s", ascending=False, kind="stable", ignore_index=True)


def _of_mapping(
    name: str,
    waiting: pd.DataFrame,
    invocations: pd.DataFrame,
    stream_log: pd.DataFrame,
    cycle_s: float,
    ended_s: float,
) -> Iterator[tuple[Any, ...]]:
    lanes = waiting.groupby(["shard_id", "lane"], observed=True)
    heads = waiting.loc[lanes["written_s"].idxmin()].assign(records=lanes.size().to_numpy())
    heads = heads[(heads["waited_s"] > _CYCLES * cycle_s).to_numpy() | heads["waits_for"].isin(("throttle", "retries"))]
    if heads.empty:
        return
    slow_s, slowest_s = _usual_s(stream_log, name)
    heads = heads[heads["waited_s"] > slow_s]
    if heads.empty:
        return
    attempts = dict(iter(invocations[invocations["event_source_mapping"] == name].groupby(["shard_id", "lane"])))
    for head in heads.itertuples():
        mine = attempts.get((head.shard_id, head.lane), invocations.iloc[:0])
        told = _told(mine, float(str(head.written_s)), ended_s)
        tries = max(told[0], told[1] + 1)
        waited_s, by_far_s = float(str(head.waited_s)), max(_BY_FAR * slowest_s, _CYCLES * cycle_s)
        again = head.waits_for in ("throttle", "retries")
        if (again and (tries >= _TRIES or (tries > 1 and waited_s > slowest_s))) or (
            waited_s > by_far_s and head.waits_for not in _BOUNDED
        ):
            yield (name, head.shard_id, head.lane, head.waits_for, waited_s, head.records, *told)


def _usual_s(stream_log: pd.DataFrame, name: str) -> tuple[float, float]:
    """Return what the slowest hundredth of a mapping's records took at least, and the slowest; 0 without any."""
    mine = stream_log[stream_log["event_source_mapping"] == name]
    took_s = (mine["completed_s"] - mine["written_s"]).to_numpy()
    took_s = took_s[~np.isnan(took_s)]
    if not len(took_s):
        return 0.0, 0.0
    slow_s, slowest_s = np.quantile(took_s, (0.99, 1.0)).tolist()
    return slow_s, slowest_s


def _told(attempts: pd.DataFrame, written_s: float, ended_s: float) -> tuple[int, int, float, str, str]:
    """Return what a lane's attempts tell of its last batch: the columns from `attempt` on."""
    if attempts.empty:
        return 0, 0, ended_s - written_s, "", ""
    attempts = attempts.sort_values("started_s", kind="stable")
    ran = outcomes.ran(attempts).to_numpy()
    since_s = float(attempts["started_s"].to_numpy()[ran].max(initial=written_s))
    last = np.flatnonzero(ran)[-1] + 1 if ran.any() else 0
    # a refused attempt has the number of the next that runs
    throttles = int(outcomes.throttled(attempts).to_numpy()[last:].sum())
    attempt = int(attempts["attempt"].iloc[-1]) - (throttles > 0)
    same = attempts[(attempts["batch_id"] == attempts["batch_id"].iloc[-1]).to_numpy()]
    why = (attempts if attempt else same)[["error_type", "error_message"]].dropna(subset="error_type")
    words = [str(value) for value in why.iloc[-1].astype("object").fillna("")] if len(why) else ["", ""]
    return attempt, throttles, ended_s - since_s, words[0], words[1]


def stuck_notes(stuck: pd.DataFrame) -> list[str]:
    """Return a sentence on the lane of each mapping that has stood still for longest.

    Parameters
    ----------
    stuck
        What `stuck_shards` returned.
    """
    return [_note(str(name), mine) for name, mine in stuck.groupby("event_source_mapping", observed=True, sort=False)]


def _note(name: str, mine: pd.DataFrame) -> str:
    worst: dict[str, Any] = mine.to_dict("records")[0]  # type: ignore[assignment]
    several = mine["lane"].max() > 0
    shard = f"{worst['shard_id']}, lane {worst['lane']}" if several else worst["shard_id"]
    behind = f"{count_of(int(worst['records']), 'record')} waiting, the oldest for {worst['waited_s']:,.0f} s"
    others = f"; {count_of(len(mine) - 1, 'other lane')} likewise: see result.stuck_shards()" if len(mine) > 1 else ""
    return f"{name}: shard {shard} stands still: {_cause(worst)}; {behind}{others}"


def _cause(worst: dict[str, Any]) -> str:
    failed = ""
    if worst["error_type"]:
        failed = f"the last failure was {sentence(Reason(worst['error_type'], worst['error_message']))}"
    if worst["waits_for"] == "throttle":
        told = f"nothing sent for {worst['nothing_sent_s']:,.0f} s: throttled {count_of(worst['throttles'], 'time')}"
        return f"{told} ({failed})" if failed else told
    if worst["waits_for"] == "retries":
        told = f"its batch has had {count_of(worst['attempt'], 'attempt')}"
        return f"{told}, {failed}" if failed else told
    return f"nothing sent for {worst['nothing_sent_s']:,.0f} s: waits for {_FOR[worst['waits_for']]}"
