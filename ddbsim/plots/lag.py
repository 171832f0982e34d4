"""Lag over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from .axes import COLOURS, axes, finish, frame_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["lag"]

_LABELS = {
    "seconds_behind": ("Lag: age of the oldest open record", "seconds behind"),
    "records_behind": ("Lag: records written and not yet settled", "records behind"),
    "iterator_age_s": ("Iterator age, as CloudWatch shows it", "iterator age (s)"),
}
_MANY_SHARDS = 6


def lag(
    result_or_frame: Any,
    *,
    measure: Literal["seconds_behind", "records_behind", "iterator_age_s"] = "seconds_behind",
    every_s: float | None = None,
    ax: Axes | None = None,
    **line_kws: Any,
) -> Axes:
    """Plot how far behind each mapping is, per shard; with many shards, the middle and the worst of them.

    Parameters
    ----------
    result_or_frame
        A Result, or a frame of `Result.lag`.
    measure
        The column to plot.
    every_s
        Step of the time grid, seconds, if a Result is given.
    ax
        Axes to draw on; new ones if None.
    **line_kws
        For `Axes.plot`.

    Returns
    -------
    Axes
    """
    if measure not in _LABELS:
        raise ValueError(f"measure must be one of {', '.join(map(repr, _LABELS))}, got {measure!r}")
    frame = frame_of(result_or_frame, "lag", every_s=every_s)
    ax = axes(ax)
    several = frame["event_source_mapping"].nunique() > 1
    for number, (name, group) in enumerate(frame.groupby("event_source_mapping", observed=True)):
        table = group.pivot(index="at_s", columns="shard_id", values=measure)
        prefix = f"{name}: " if several else ""
        if table.shape[1] > _MANY_SHARDS:
            colour = COLOURS[number % len(COLOURS)]
            ax.fill_between(
                table.index, table.min(axis=1), table.max(axis=1), alpha=0.2, color=colour, lw=0,
                label=f"{prefix}all {table.shape[1]} shards",
            )  # fmt: skip
            ax.plot(table.index, table.median(axis=1), color=colour, label=f"{prefix}middle shard", **line_kws)
        else:
            for index, shard in enumerate(table):
                colour = COLOURS[(index if not several else number) % len(COLOURS)]
                label = f"{prefix}{_short(str(shard))}"
                ax.plot(table.index, table[shard], color=colour, lw=1.2, label=label, **line_kws)
    title, ylabel = _LABELS[measure]
    finish(ax, title=title, xlabel="simulated time (s)", ylabel=ylabel, empty=frame.empty)
    ax.set_ylim(bottom=0)
    return ax


def _short(shard_id: str) -> str:
    """Return the end of a ShardId: the part that differs."""
    return "shard …" + shard_id[-8:]
