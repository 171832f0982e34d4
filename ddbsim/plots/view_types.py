"""Cost by view type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ddbsim.arguments import checked

from .axes import COLOURS, axes, finish, made_by, plain, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["OF_THE_TABLE", "view_types"]

# of the table, and the same under every view type: they would dwarf what differs, and are left to the table of costs
OF_THE_TABLE = ("write_request_units", "write_capacity_unit_hours", "storage_gb_months")


@checked
def view_types(comparison_or_costs: Any, *, ax: Axes | None = None, **bar_kws: Any) -> Axes:
    """Plot what each view type costs a month, its components stacked, each with its interval if there is one.

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

    costs = _costs_of(comparison_or_costs)
    ax = axes(ax)
    names = list(dict.fromkeys(costs["view_type"]))
    shown = costs[costs["usd_per_month"].gt(0) & ~costs["component"].str.endswith(OF_THE_TABLE)]
    left = pd.Series(0.0, index=names)
    for number, (label, rows) in enumerate(shown.groupby("label", sort=False)):
        part = rows.set_index("view_type").reindex(names)
        width = part["usd_per_month"].fillna(0.0)
        style = styled(Rectangle, bar_kws, color=COLOURS[number % len(COLOURS)], label=plain(label))
        ax.barh(names, width, left=left, **style)
        left = left + width
        _whiskers(ax, left, part["usd_per_month_high"] - part["usd_per_month"])
    for place, total in enumerate(left):
        # beyond the whisker
        ax.annotate(f"{total:,.2f}", (total, place), (14, 0), textcoords="offset points", va="center", fontsize="small")
    _name(ax, costs.drop_duplicates("view_type"))
    ax.margins(x=0.12)
    finish(
        ax, title="Cost by view type, beside writes and storage (they are the same)", xlabel="USD per month", ylabel="",
        empty=shown.empty, legend=False,
    )  # fmt: skip
    if not shown.empty:
        # the bars fill the axes: the legend stands below them
        ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=3)
    return ax


def _costs_of(given: Any) -> pd.DataFrame:
    if not isinstance(given, pd.DataFrame):
        made_by(given, "compare_view_types", "ViewTypeComparison")
        costs: pd.DataFrame = given.costs
        return costs
    needs = ("view_type", "served", "component", "label", "usd_per_month", "usd_per_month_high")
    if missing := [name for name in needs if name not in given]:
        of = "what compare_view_types returns must be given, or its costs"
        raise ValueError(f"{of}, got a frame without {', '.join(missing)}")
    return given


def _whiskers(ax: Axes, end: pd.Series[float], half: pd.Series[float]) -> None:
    """Draw the interval of a component at the end of its bars, where it is known."""
    known = half.notna() & half.gt(0)
    if known.any():
        places = [place for place, name in enumerate(half.index) if known[name]]
        ax.errorbar(end[known], places, xerr=half[known], fmt="none", ecolor="black", elinewidth=1, capsize=3)


def _name(ax: Axes, view_types: pd.DataFrame) -> None:
    """Write the view types beside their bars, and under each how it serves the need."""
    if view_types.empty:
        return
    names = view_types["view_type"] + "\n(serves " + view_types["served"] + ")"
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
