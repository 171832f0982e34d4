"""The timeline of a small run: what happened where, as marks that one can read like a story."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from ddbsim.checks.arguments import checked
from ddbsim.checks.wording import shown
from ddbsim.log.sentences import names_of

from .axes import COLOURS, axes, finish, frame_of, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Attempt", "attempts_of", "rows_of", "timeline"]

_BLUE, _VERMILION, _GREEN, _PURPLE, _ORANGE, _SKY, _GREY, _BLACK = COLOURS

# how an attempt ended: the words that say so, and how its bar looks in colour and without
_ENDS = {
    "success": ("succeeded", {"facecolor": _GREEN}),
    "partial": ("reported failed records", {"facecolor": _ORANGE, "hatch": ".."}),
    "timeout": ("was ended by the timeout", {"facecolor": _PURPLE, "hatch": "xx"}),
    "error": ("failed", {"facecolor": _VERMILION, "hatch": "//"}),
    "running": ("", {"facecolor": "none", "linestyle": "--"}),
}

# what happens in an instant: its mark, and where it stands in its row (0: in the middle)
_MARKS: dict[str, tuple[dict[str, Any], float]] = {
    "write": ({"marker": "o", "color": _BLACK, "markersize": 4}, 0.0),
    "visible": ({"marker": "o", "color": _BLUE, "markerfacecolor": "white", "markersize": 6}, 0.0),
    "poll": ({"marker": "v", "color": _BLUE, "markersize": 6}, 0.5),
    "filtered": ({"marker": "s", "color": _GREY, "markerfacecolor": "white", "markersize": 6}, 0.0),
    "throttled": ({"marker": "_", "color": _VERMILION, "markersize": 10, "markeredgewidth": 3}, 0.0),
    "retry": ({"marker": "$↻$", "color": _VERMILION, "markersize": 9}, -0.36),
    "bisected": ({"marker": "$Y$", "color": _PURPLE, "markersize": 9}, -0.36),
    "partial success": ({"marker": "D", "color": _ORANGE, "markersize": 6}, -0.36),
    "discarded": ({"marker": "X", "color": _VERMILION, "markeredgecolor": _BLACK, "markersize": 10}, -0.36),
    "expired": ({"marker": "X", "color": _BLACK, "markersize": 9}, -0.36),
    "shard opened": ({"marker": ">", "color": _GREEN, "markersize": 8}, 0.0),
    "shard closed": ({"marker": "|", "color": _BLACK, "markersize": 16, "markeredgewidth": 2}, 0.0),
}
_LABELS = {
    "visible": "record can be read",
    "poll": "poll that brought records",
    "throttled": "no concurrency left",
    "retry": "to be sent again",
    "bisected": "batch was split",
    "partial success": "checkpoint moved by a partial success",
    "discarded": "records given up",
    "expired": "records trimmed by the retention",
}
_EDGE: dict[str, Any] = {"edgecolor": _BLACK, "linewidth": 0.8, "alpha": 0.85}
_COLD: dict[str, Any] = {"facecolor": "#DDDDDD", "edgecolor": _GREY, "linewidth": 0.8}
_WAITING: dict[str, Any] = {"color": _VERMILION, "linewidth": 1.2, "linestyle": ":"}
_BAR = 0.34
_MOST_NAMED = 60


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to invoke the function, as the story tells it.

    Attributes
    ----------
    where
        The lane.
    record_ids
        What was sent.
    cold_s
        When a new environment was begun for it; NaN if one was free.
    started_s, ended_s
        From the start of the handler to its end; where the story breaks off, to the last thing told.
    outcome
        success, partial, error, timeout or running.
    """

    where: str
    record_ids: tuple[int, ...]
    cold_s: float
    started_s: float
    ended_s: float
    outcome: str


def _events_of(given: Any) -> pd.DataFrame:
    if isinstance(given, pd.DataFrame):
        return frame_of(given, "frame", ("what", "where", "record_ids"), name="events")
    if not hasattr(given, "stream_log"):
        raise ValueError(f"a Result must be given, or its events, got {shown(given)}")
    events: pd.DataFrame = given.events
    return events


@checked
def timeline(result_or_events: Any, *, upto: int | None = None, ax: Axes | None = None) -> Axes:
    """Plot a small run as a story: a row for the table, for each shard and for each lane, time from left to right.

    Parameters
    ----------
    result_or_events
        A Result of a small run, or its `events`.
    upto
        Number of events to show, from the first; the axes stay those of the whole story. None: all.
    ax
        Axes to draw on; new ones if None.

    Returns
    -------
    Axes
    """
    events = _events_of(result_or_events)
    if upto is not None and upto < 0:
        raise ValueError(f"timeline: upto must be None or a whole number >= 0, got {shown(upto)}")
    rows = rows_of(events)
    ax = axes(ax, size=(10.0, 1.9 + 0.66 * max(len(rows), 2)))
    told = events if upto is None else events.iloc[:upto]
    place = {where: len(rows) - 1 - number for number, where in enumerate(rows)}
    busy = set(events.loc[events["what"].isin(("batch closed", "attempt started", "throttled")), "where"])
    for attempt in attempts_of(told):
        _draw_attempt(ax, attempt, place[attempt.where])
    _draw_waits(ax, told, place)
    for what, group in told.groupby("what", sort=False):
        _draw_marks(ax, str(what), group, place, busy)
    _name_records(ax, told[told["what"].eq("write") & told["record_ids"].astype(bool)], place)
    _frame(ax, events, rows)
    finish(
        ax, title="What happened, record by record", xlabel="simulated time (s)", ylabel="", empty=events.empty,
        legend=False,
    )  # fmt: skip
    if not events.empty:
        _legend_below(ax, events)
    if upto and len(told):
        _point_at(ax, told.iloc[-1], place)
    return ax


def attempts_of(events: pd.DataFrame) -> Iterator[Attempt]:
    """Yield the attempts of a story, in the order of their starts; those that had not ended are running."""
    last_s = float(events["time_s"].iloc[-1]) if len(events) else 0.0
    cold: dict[str, float] = {}
    open_: dict[str, tuple[float, float, tuple[int, ...]]] = {}
    found = []
    columns = (events[name].tolist() for name in ("time_s", "where", "what", "record_ids", "sentence"))
    for time_s, where, what, ids, sentence in zip(*columns, strict=True):
        if what == "cold start":
            cold[where] = time_s
        elif what == "attempt started":
            open_[where] = (cold.pop(where, float("nan")), time_s, ids)
        elif what == "attempt ended":
            begun_s, started_s, ids = open_.pop(where)
            found.append(Attempt(where, ids, begun_s, started_s, time_s, _outcome(sentence)))
    found += [
        Attempt(where, ids, begun_s, started_s, last_s, "running") for where, (begun_s, started_s, ids) in open_.items()
    ]
    yield from sorted(found, key=lambda attempt: attempt.started_s)


def _outcome(sentence: str) -> str:
    """Return how an attempt ended, from the words that tell it."""
    return next(outcome for outcome, (words, _) in _ENDS.items() if f" {words} " in sentence)


def rows_of(events: pd.DataFrame) -> list[str]:
    """Return the rows from the top: the table, then each shard with those who read it."""
    wheres = [where for where in dict.fromkeys(events["where"]) if where == "table" or "shard " in where]

    def order(where: str) -> tuple[int, bool, list[str | int]]:
        shard = re.search(r"shard (\d+)", where)
        number = int(shard.group(1)) if shard else -1
        # a number counts as one: lane 10 after lane 9
        return number, "," in where, [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", where)]

    return sorted(wheres, key=order)


def _draw_attempt(ax: Axes, attempt: Attempt, place: int) -> None:
    words, style = _ENDS[attempt.outcome]
    if attempt.cold_s == attempt.cold_s:
        ax.barh(place, attempt.started_s - attempt.cold_s, left=attempt.cold_s, height=_BAR, zorder=2, **_COLD)
    width = attempt.ended_s - attempt.started_s
    ax.barh(place, width, left=attempt.started_s, height=_BAR, zorder=3, label=_ending(words), **_EDGE | style)
    ax.annotate(
        _numbers(attempt.record_ids), (attempt.started_s, place + _BAR / 2), (1, 2), textcoords="offset points",
        fontsize="x-small", va="bottom", clip_on=True,
    )  # fmt: skip


def _ending(words: str) -> str:
    return f"attempt that {words}" if words else "attempt, still running"


def _draw_waits(ax: Axes, told: pd.DataFrame, place: dict[str, int]) -> None:
    """Draw from each retry or throttle to the next attempt of its lane what the batch waits."""
    starts = told[told["what"].isin(("attempt started", "cold start", "throttled", "discarded", "expired"))]
    last_s = float(told["time_s"].iloc[-1]) if len(told) else 0.0
    for at, event in told[told["what"].isin(("retry", "throttled"))].iterrows():
        after = starts[(starts.index > at) & (starts["where"] == event["where"])]
        end_s = float(after["time_s"].iloc[0]) if len(after) else last_s
        row = place[event["where"]]
        ax.plot([event["time_s"], end_s], [row, row], zorder=1, **_WAITING)


def _draw_marks(ax: Axes, what: str, group: pd.DataFrame, place: dict[str, int], busy: set[str]) -> None:
    if what not in _MARKS:
        return
    style, shift = _MARKS[what]
    # in a row without bars a mark stands in the middle
    heights = [place[where] + (shift if where in busy else 0.0) for where in group["where"]]
    ax.plot(group["time_s"], heights, linestyle="none", zorder=4, label=what, **style)


def _name_records(ax: Axes, writes: pd.DataFrame, place: dict[str, int]) -> None:
    """Write the records' numbers above their writes, where there is room for them."""
    if len(writes) > _MOST_NAMED:
        return
    for time_s, ids in zip(writes["time_s"], writes["record_ids"], strict=True):
        ax.annotate(
            str(ids[0]), (time_s, place["table"]), (0, 5), textcoords="offset points", fontsize="x-small", ha="center",
            clip_on=True,
        )  # fmt: skip


def _numbers(ids: tuple[int, ...]) -> str:
    return names_of(ids).removeprefix("records ").removeprefix("record ").replace("-", "–").replace(" and ", ", ")


def _frame(ax: Axes, events: pd.DataFrame, rows: list[str]) -> None:
    """Set rows and time as the whole story needs them."""
    ax.set_yticks(range(len(rows)), [plain(where).replace(", ", "\n", 1) for where in reversed(rows)])
    ax.set_ylim(-0.7, max(len(rows), 1) - 0.3)
    if len(events):
        first_s, last_s = float(events["time_s"].iloc[0]), float(events["time_s"].iloc[-1])
        room = max(last_s - first_s, 1e-3) * 0.02
        ax.set_xlim(first_s - room, last_s + room)


def _point_at(ax: Axes, event: pd.Series[Any], place: dict[str, int]) -> None:
    """Ring the event that was told last."""
    ax.axvline(event["time_s"], color=_BLACK, lw=0.8, zorder=0)
    if event["where"] in place:
        ring: dict[str, Any] = {"marker": "o", "markersize": 22, "markerfacecolor": "none", "markeredgecolor": _BLACK}
        ax.plot(event["time_s"], place[event["where"]], label="now", zorder=5, **ring)


def _legend_below(ax: Axes, events: pd.DataFrame) -> None:
    """Explain the marks of the whole story beneath the time axis."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    used = set(events["what"])
    ends = {attempt.outcome for attempt in attempts_of(events)}
    entries: dict[str, Any] = {
        _LABELS.get(what, what): Line2D([], [], linestyle="none", **style)
        for what, (style, _) in _MARKS.items()
        if what in used
    }
    if "cold start" in used:
        entries["cold start"] = Patch(**_COLD)
    for outcome, (words, style) in _ENDS.items():
        if outcome in ends:
            entries[_ending(words)] = Patch(**_EDGE | style)
    if used & {"retry", "throttled"}:
        entries["waiting"] = Line2D([], [], **_WAITING)
    below = -0.55 / max(ax.get_ylim()[1], 1.0) - 0.06
    ax.legend(
        list(entries.values()), list(entries), frameon=False, loc="upper center", bbox_to_anchor=(0.5, below), ncols=4,
        fontsize="small",
    )  # fmt: skip
