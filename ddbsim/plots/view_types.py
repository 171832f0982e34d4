"""Cost by view type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ddbsim.checks.arguments import checked

from .axes import COLOURS, axes, finish, made_by, plain, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer

__all__ = ["OF_THE_TABLE", "view_types"]

# of the table, and the same under every view type: they would dwarf what differs, and are left to the table of costs
OF_THE_TABLE = ("write_request_units", "write_capacity_unit_hours", "storage_gb_months")

# verdicts of work that was not all done, so that its bill is a lower bound
_PARTIAL = ("does not keep up", "loses records", "every invocation fails")
_GREY, _HATCH = "#BBBBBB", "//"


@checked
def view_types(comparison_or_costs: Any, *, ax: Axes | None = None, **bar_kws: Any) -> Axes:
    """Plot what each view type costs a month, its components stacked, each with its interval if there is one.

    Hatched and grey is what may not be chosen for its price: a view type that does not keep up, or loses records, and
    so is billed for less work than there was; grey alone is one that does not serve.

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
    from matplotlib.patches import Patch, Rectangle

    costs = _costs_of(comparison_or_costs)
    ax = axes(ax)
    states = costs.drop_duplicates("view_type").set_index("view_type")
    names = list(states.index)
    shown = costs[costs["usd_per_month"].gt(0) & ~costs["component"].str.endswith(OF_THE_TABLE)]
    left = pd.Series(0.0, index=names)
    legend = []
    for number, (label, rows) in enumerate(shown.groupby("label", sort=False)):
        part = rows.set_index("view_type").reindex(names)
        width = part["usd_per_month"].fillna(0.0)
        style = styled(Rectangle, bar_kws, color=COLOURS[number % len(COLOURS)], label=plain(label))
        bars = ax.barh(names, width, left=left, **style)
        legend.append(Patch(**style))
        _grey(bars, states)
        left = left + width
        _whiskers(ax, left, part["usd_per_month_high"] - part["usd_per_month"])
    for place, (total, (_, state)) in enumerate(zip(left, states.iterrows(), strict=True)):
        # beyond the whisker
        text = _told(total, state)
        ax.annotate(text, (total, place), (14, 0), textcoords="offset points", va="center", fontsize="small")
    _name(ax, states.reset_index())
    partial = states["verdict"].isin(_PARTIAL).any()
    ax.margins(x=0.6 if partial else 0.12)
    finish(
        ax, title="Cost by view type, beside writes and storage (they are the same)", xlabel="USD per month", ylabel="",
        empty=shown.empty, legend=False,
    )  # fmt: skip
    if not shown.empty:
        if partial:
            legend.append(Patch(facecolor=_GREY, edgecolor="white", hatch=_HATCH, label="does not do all the work"))
        # the bars fill the axes: the legend stands below them
        ax.legend(handles=legend, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=3)
    return ax


def _costs_of(given: Any) -> pd.DataFrame:
    if not isinstance(given, pd.DataFrame):
        made_by(given, "compare_view_types", "ViewTypeComparison")
        costs: pd.DataFrame = given.costs
        return costs
    needs = (
        "view_type",
        "served",
        "component",
        "label",
        "usd_per_month",
        "usd_per_month_high",
        "verdict",
        "processed_share",
    )
    if missing := [name for name in needs if name not in given]:
        of = "what compare_view_types returns must be given, or its costs"
        raise ValueError(f"{of}, got a frame without {', '.join(missing)}")
    return given


def _grey(bars: BarContainer, states: pd.DataFrame) -> None:
    """Take the colour from bars that are no price to choose by."""
    for bar, verdict, served in zip(bars, states["verdict"], states["served"], strict=True):
        if verdict in _PARTIAL:
            bar.set(facecolor=_GREY, edgecolor="white", hatch=_HATCH)
        elif served == "not at all":
            bar.set(facecolor=_GREY, edgecolor="white")


def _told(total: float, state: pd.Series[Any]) -> str:
    if state["verdict"] in _PARTIAL:
        return f"at least {total:,.2f}: it processed {state['processed_share']:.0%}"
    return f"{total:,.2f}"


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
    served = view_types["served"].replace("by a read-back", "by a read-back,\nof the item as it is then")
    names = view_types["view_type"] + "\n(serves " + served + ")"
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
