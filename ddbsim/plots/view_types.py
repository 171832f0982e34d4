"""Cost by view type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from .axes import COLOURS, axes, finish, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["view_types"]


def view_types(comparison_or_costs: Any, *, ax: Axes | None = None, **bar_kws: Any) -> Axes:
    """Plot what each view type costs a month, its components stacked.

    Parameters
    ----------
    comparison_or_costs
        What `compare_view_types` returns, or its `costs`.
    ax
        Axes to draw on; new ones if None.
    **bar_kws
        For `Axes.barh`.

    Returns
    -------
    Axes
    """
    from matplotlib.patches import Rectangle

    given = comparison_or_costs
    costs: pd.DataFrame = given if isinstance(given, pd.DataFrame) else given.costs
    ax = axes(ax)
    names = list(dict.fromkeys(costs["view_type"]))
    # write units are the same bar under each, and would dwarf what differs: they are left to the table
    shown = costs[costs["usd_per_month"].gt(0) & (costs["component"] != "write_request_units")]
    table = shown.pivot(index="view_type", columns="label", values="usd_per_month").reindex(names).fillna(0.0)
    left = pd.Series(0.0, index=names)
    for number, label in enumerate(table):
        style = styled(Rectangle, bar_kws, color=COLOURS[number % len(COLOURS)], label=label)
        ax.barh(names, table[label], left=left, **style)
        left = left + table[label]
    for place, total in enumerate(left):
        ax.annotate(f" {total:,.2f}", (total, place), va="center", fontsize="small")
    if names:
        ax.invert_yaxis()
    ax.margins(x=0.12)
    finish(
        ax, title="Cost by view type, write units aside (they are the same)", xlabel="USD per month", ylabel="",
        empty=shown.empty, legend=False,
    )  # fmt: skip
    if not shown.empty:
        # the bars fill the axes: the legend stands below them
        ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=3)
    return ax
