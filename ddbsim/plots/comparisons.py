"""Differences: replication by replication, and field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ddbsim.checks.arguments import checked

from .axes import COLOURS, axes, finish, known, made_by, plain, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["differences", "tornado"]


@checked
def differences(comparison: Any, metric: str = "latency_p99_s", *, ax: Axes | None = None, **scatter_kws: Any) -> Axes:
    """Plot a metric's paired differences to the first scenario: a dot per replication, their mean and its interval.

    Parameters
    ----------
    comparison
        What `compare` returns.
    metric
        Which.
    ax
        Axes to draw on; new ones if None.
    **scatter_kws
        For `Axes.scatter`.

    Returns
    -------
    Axes
    """
    from matplotlib.collections import PathCollection

    made_by(comparison, "compare", "Comparison")
    known("metric", metric, comparison.frame["metric"])
    table = comparison.differences(metric)
    told = comparison.frame[comparison.frame["metric"] == metric].set_index("scenario")
    ax = axes(ax, size=(8.0, 1.4 + 0.7 * max(table.shape[1], 1)))
    ax.axvline(0.0, color="#000000", lw=1)
    for place, name in enumerate(table):
        values, row = table[name].to_numpy(), told.loc[name]
        colour = COLOURS[place % len(COLOURS)]
        # spread up and down a little, each replication at the same height in every row
        heights = place + 0.25 + 0.3 * (np.arange(len(values)) + 0.5) / len(values)
        style = styled(PathCollection, scatter_kws, color=colour, s=18, alpha=0.6, linewidths=0)
        ax.scatter(values, heights, label="replications" if place == 0 else "_nolegend_", **style)
        if np.isfinite(row["difference"]):
            bar = [[row["difference"] - row["low"]], [row["high"] - row["difference"]]]
            label = f"mean, {comparison.confidence:.0%} interval" if place == 0 else "_nolegend_"
            ax.errorbar(row["difference"], place, xerr=bar, color=colour, marker="D", capsize=4, lw=2, label=label)
    ax.set_yticks(range(table.shape[1]), [plain(name) for name in table])
    ax.set_ylim(table.shape[1] - 0.3, -0.4)
    baseline = comparison.runs["scenario"].iloc[0]
    return finish(
        ax, title=f"{metric}: difference to {plain(baseline)}, same writes", xlabel=f"difference of {metric}", ylabel=""
    )


@checked
def tornado(moved: Any, metric: str = "latency_p99_s", *, ax: Axes | None = None, **bar_kws: Any) -> Axes:
    """Plot how far a metric goes when one field at a time takes its low and its high value.

    Parameters
    ----------
    moved
        What `tornado` of the package returns.
    metric
        Which.
    ax
        Axes to draw on; new ones if None.
    **bar_kws
        For `Axes.barh`.

    Returns
    -------
    Axes
    """
    from matplotlib.patches import Rectangle

    made_by(moved, "tornado", "Tornado")
    known("metric", metric, moved.frame["metric"])
    swings = moved.swings(metric)
    ax = axes(ax, size=(8.0, 1.4 + 0.5 * max(len(swings), 1)))
    baseline = float(swings["baseline"].iloc[0]) if len(swings) else 0.0
    baseline = baseline if np.isfinite(baseline) else 0.0
    for place, row in enumerate(swings.to_dict("records")):
        for end, colour in (("low", COLOURS[5]), ("high", COLOURS[0])):
            label = f"{end} value" if place == 0 else "_nolegend_"
            style = styled(Rectangle, bar_kws, color=colour, height=0.6, label=label)
            if not np.isfinite(row[end]):
                # what grows without limit has no length
                ax.annotate(
                    f"{_told(row[f'{end}_value'])}: unbounded", (1.0, place), xycoords=("axes fraction", "data"),
                    ha="right", va="center", fontsize="small", color=colour,
                )  # fmt: skip
                continue
            ax.barh(place, row[end], left=baseline, **style)
            beyond = row[end] >= 0
            ax.annotate(
                f" {_told(row[f'{end}_value'])} ", (baseline + row[end], place - (0.15 if end == "low" else -0.15)),
                ha="left" if beyond else "right", va="center", fontsize="small",
            )  # fmt: skip
    ax.axvline(baseline, color="#000000", lw=1)
    ax.set_yticks(
        range(len(swings)), [f"{row['field']} (now {_told(row['base'])})" for row in swings.to_dict("records")]
    )
    ax.invert_yaxis()
    ax.margins(x=0.15)
    finish(ax, title=f"{metric}, one field at a time", xlabel=metric, ylabel="", empty=swings.empty)
    return ax


def _told(value: Any) -> str:
    """Return a field's value in a few characters; a column of a frame has made 128 into 128.0."""
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else plain(value)
