"""A comparison by view type as tables: in a notebook, and as text. The verdict comes first."""

from __future__ import annotations

import html
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd

from ddbsim.result.summary import GROWS
from ddbsim.scenario import TOLD

from .verdicts import is_lower_bound, percent
from .view_type_verdict import without_images

if TYPE_CHECKING:
    from .view_types import ViewTypeComparison

__all__ = ["html_of", "tables_html", "text_of"]

# told in whole records; means over the replications may have parts
_COUNTS = (
    "records",
    "processed_records",
    "lost_records",
    "invocations",
    "failed_invocations",
    "refused_reads",
)
_BYTES = ("record_bytes", "payload_bytes")
_SHARES = ("processed_share", "without_image_share")
_HIDDEN_IF_ZERO = ("lost_records", "failed_invocations", "refused_reads", "without_image_share")


def text_of(comparison: ViewTypeComparison) -> str:
    """Return the comparison as text."""
    work, costs = _work(comparison).to_string(), _costs(comparison).to_string()
    return f"{comparison.verdict}\n\nUSD per month\n{costs}\n\n{work}\n{comparison.note}"


def html_of(comparison: ViewTypeComparison) -> str:
    """Return the comparison as HTML."""
    return f"<p><b>{html.escape(comparison.verdict)}</b></p>{tables_html(comparison)}"


def tables_html(comparison: ViewTypeComparison) -> str:
    """Return what stands below the verdict: the costs, the work behind a fold, the note."""
    costs = _costs(comparison).to_html(border=0, classes="ddbsim-costs")
    work = f"<details><summary>Work by view type</summary>{_work(comparison).to_html(border=0)}</details>"
    return f"<p><b>USD per month</b></p>{costs}{work}<p>{html.escape(comparison.note)}</p>"


def _work(comparison: ViewTypeComparison) -> pd.DataFrame:
    """Return a column per view type and mapping; what never happened has no row."""
    frame = comparison.frame.drop(columns="falls_behind")
    idle = [column for column in _HIDDEN_IF_ZERO if not frame[column].any()]
    frame = frame.drop(columns=idle).set_index(["view_type", "event_source_mapping"])
    return pd.DataFrame({column: frame[column].map(_form(str(column))) for column in frame}).T


def _form(column: str) -> Callable[[Any], str]:
    """Return how a column's values are told."""
    if column in ("served", "verdict"):
        return lambda value: TOLD.get(value, value)
    if column in _COUNTS or column in _BYTES:
        return lambda value: "-" if math.isnan(value) else f"{value:,.0f}"
    if column in _SHARES:
        return lambda value: "-" if math.isnan(value) else percent(value)
    return _number


def _number(value: float) -> str:
    if math.isinf(value):
        return GROWS
    return "-" if math.isnan(value) else f"{value:,.3f}"


def _costs(comparison: ViewTypeComparison) -> pd.DataFrame:
    """Return a column per view type: each component that costs anything, the total, and what to think of it."""
    costs, totals = comparison.costs, comparison.totals.set_index("view_type")
    costs = costs.assign(shown=list(map(_money, costs["usd_per_month"], costs["usd_per_month_high"])))
    table = costs.pivot(index="label", columns="view_type", values="shown")
    billed = costs[costs.groupby("label")["usd_per_month"].transform("max") > 0]
    table = table.loc[list(dict.fromkeys(billed["label"])), list(totals.index)]
    table.loc["total"] = [_total(row) for row in totals.to_dict("records")]
    table.loc["per million processed records"] = [_money(each, math.nan) for each in totals["usd_per_million_records"]]
    above = map(_money, totals["above_cheapest"], totals["above_cheapest_high"])
    table.loc["above the one named"] = list(above)
    table.loc["keeps up"] = totals["verdict"]
    table.loc["serves the need"] = totals["served"].map(TOLD)
    without = [without_images(comparison, str(view_type)) for view_type in totals.index]
    if any(without):
        table.loc["without an image"] = [text or "-" for text in without]
    table.index.name = table.columns.name = None
    return table


def _total(row: Any) -> str:
    money = _money(row["usd_per_month"], row["usd_per_month_high"])
    if is_lower_bound(row["verdict"]):
        return f"at least {money}: it processed {percent(row['processed_share'])}"
    return money


def _money(mean: float, high: float) -> str:
    if math.isnan(mean):
        return "-"
    return f"{mean:,.2f}" if math.isnan(high) else f"{mean:,.2f} ± {high - mean:,.2f}"
