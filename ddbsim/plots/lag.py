"""Lag over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from ddbsim.checks.arguments import checked
from ddbsim.checks.wording import shown

from .axes import COLOURS, axes, by_mapping, finish, frame_of, legend_above, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["lag"]

_LABELS = {
    "seconds_behind": ("Lag: age of the oldest open record", "seconds behind"),
    "records_behind": ("Lag: records written and not yet settled", "records behind"),
    "iterator_age_s": ("Iterator age, as CloudWatch shows it", "iterator age (s)"),
}
_MANY_SHARDS = 6
_BAND = (0.05, 0.95)


@checked
def lag(
    result_or_frame: Any,
    *,
    measure: Literal["seconds_behind", "records_behind", "iterator_age_s"] = "seconds_behind",
    every_s: float | None = None,
    ax: Axes | None = None,
    **line_kws: Any,
) -> Axes:
    """Plot how far behind each mapping is, per shard; with many shards, their median, their range and the worst.

    Of a Result the legend tells the largest lag of each shard, exactly: the steps of the curve may miss the moment.

    Of several runs, replications of one scenario, it plots the shard that is furthest behind at each instant: the
    median over the runs, and the band that holds nine tenths of them.

    Parameters
    ----------
    result_or_frame
        A Result, or a frame of `Result.lag`; or a list of Results, or such a frame with a column `replication`.
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
        raise ValueError(f"measure must be one of {', '.join(map(repr, _LABELS))}, got {shown(measure)}")
    frame = _lag_of(result_or_frame, every_s, ("event_source_mapping", "shard_id", "at_s", measure))
    most = _most_of(result_or_frame) if measure == "seconds_behind" else {}
    ax = axes(ax)
    several = len(set(frame["event_source_mapping"])) > 1
    for name, colour, group in by_mapping(frame):
        # a step in which nothing was sent has no age: a line alone would not show a point between two such
        style = {"marker": ".", "markersize": 4} if measure == "iterator_age_s" else {}
        if "replication" in group:
            _replications(ax, group, measure, f"{name}: " if several else "", colour, line_kws)
            continue
        table = group.pivot(index="at_s", columns="shard_id", values=measure)
        if table.shape[1] > _MANY_SHARDS:
            _range(ax, table, f"{name}: " if several else "", colour, style, line_kws, most.get(name, {}))
        elif several:
            _alike(ax, table, name, colour, style, line_kws)
        else:
            _each(ax, table, style, line_kws, most.get(name, {}))
    title, ylabel = _LABELS[measure]
    finish(ax, title=title, xlabel="simulated time (s)", ylabel=ylabel, empty=frame.empty, legend=False)
    legend_above(ax)
    return ax


def _lag_of(given: Any, every_s: float | None, needs: tuple[str, ...]) -> pd.DataFrame:
    """Return the lag of a run, or of several with the number of each."""
    if not isinstance(given, list | tuple):
        return frame_of(given, "lag", needs, every_s=every_s)
    import pandas as pd

    if not given:
        raise ValueError("lag needs at least one Result, got an empty list")
    frames = {number: frame_of(one, "lag", needs, every_s=every_s) for number, one in enumerate(given)}
    return pd.concat(frames, names=["replication"]).reset_index(level="replication").reset_index(drop=True)


def _most_of(given: Any) -> dict[str, dict[str, float]]:
    """Return the largest lag by mapping and shard of a Result; nothing of a frame or of several."""
    import pandas as pd

    if isinstance(given, pd.DataFrame | list | tuple):
        return {}
    frame = given.largest_lag(begin_s=0.0)
    of_mappings = frame.groupby("event_source_mapping", observed=True)
    return {str(name): dict(zip(mine["shard_id"], mine["largest_s"], strict=True)) for name, mine in of_mappings}


def _replications(ax: Axes, group: pd.DataFrame, measure: str, prefix: str, colour: str, given: dict[str, Any]) -> None:
    """Draw the median over the replications of the shard furthest behind, and a band."""
    worst = group.groupby(["at_s", "replication"])[measure].max().unstack()
    low, high = worst.quantile(_BAND[0], axis=1), worst.quantile(_BAND[1], axis=1)
    label = f"{prefix}{_BAND[1] - _BAND[0]:.0%} of {worst.shape[1]} replications"
    ax.fill_between(worst.index, low, high, alpha=0.25, color=colour, lw=0, label=label)
    _line(ax, worst.median(axis=1), given, color=colour, label=f"{prefix}their median, worst shard")


def _each(ax: Axes, table: pd.DataFrame, style: dict[str, Any], given: dict[str, Any], most: dict[str, float]) -> None:
    """Draw the shards of the only mapping, a colour each."""
    for shard, colour in zip(table, COLOURS, strict=False):
        _line(ax, table[shard], given, **style, color=colour, label=_short(str(shard)) + _at_most(most, str(shard)))


def _alike(ax: Axes, table: pd.DataFrame, name: str, colour: str, style: dict[str, Any], given: dict[str, Any]) -> None:
    """Draw the shards of one mapping of several in its colour, with one entry in the legend."""
    for number, shard in enumerate(table):
        label = f"{name}: {table.shape[1]} shard(s)" if number == 0 else "_nolegend_"
        _line(ax, table[shard], given, **style, color=colour, label=label)


def _range(
    ax: Axes,
    table: pd.DataFrame,
    prefix: str,
    colour: str,
    style: dict[str, Any],
    given: dict[str, Any],
    most: dict[str, float],
) -> None:
    """Draw the range of many shards, their median, and the one that is furthest behind."""
    label = f"{prefix}all {table.shape[1]} shards"
    ax.fill_between(table.index, table.min(axis=1), table.max(axis=1), alpha=0.2, color=colour, lw=0, label=label)
    _line(ax, table.median(axis=1), given, **style, color=colour, label=f"{prefix}their median")
    worst = str(max(most, key=lambda shard: most[shard]) if most else table.max().fillna(0.0).idxmax())
    label = f"{prefix}worst: {_short(worst)}{_at_most(most, worst)}"
    _line(ax, table[worst], given, **style, color=colour, linestyle=":", label=label)


def _line(ax: Axes, values: pd.Series[float], given: dict[str, Any], **usual: Any) -> None:
    from matplotlib.lines import Line2D

    ax.plot(values.index, values, **styled(Line2D, given, linewidth=1.2, **usual))


def _at_most(most: dict[str, float], shard: str) -> str:
    return f", at most {most[shard]:.3g} s" if shard in most else ""


def _short(shard_id: str) -> str:
    """Return the end of a ShardId: the part that differs."""
    return "shard …" + shard_id[-8:]
