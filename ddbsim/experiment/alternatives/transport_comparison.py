"""Which way of transport to choose, in words and beside its costs: what it saves against each other, what it risks."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import pandas as pd

from ddbsim.analysis.bill import Bill
from ddbsim.analysis.keeping_up import KEEPS_UP, TOO_SHORT
from ddbsim.result.summary import GROWS
from ddbsim.scenario import AS_IT_IS_THEN, TOLD

from .verdicts import is_lower_bound, listed, percent, same_usd, usd

__all__ = ["TransportComparison", "cheapest_of", "html_of", "text_of", "verdict_of"]

Row: TypeAlias = dict[Any, Any]


def text_of(comparison: TransportComparison) -> str:
    """Return the comparison as text, its verdict first."""
    shown, costs = _shown(comparison).to_string(), _costs(comparison).to_string()
    return f"{comparison.verdict}\n\n{shown}\n\nUSD per month\n{costs}\n{comparison.note}"


def html_of(comparison: TransportComparison) -> str:
    """Return the comparison as HTML, its verdict first and its costs behind a fold."""
    verdict, note = html.escape(comparison.verdict), html.escape(comparison.note)
    shown, costs = _shown(comparison).to_html(border=0), _costs(comparison).to_html(border=0)
    folded = f"<details><summary>USD per month</summary>{costs}</details>"
    return f"<p><b>{verdict}</b></p>{shown}{folded}<p>{note}</p>"


def _shown(comparison: TransportComparison) -> pd.DataFrame:
    rows = {
        row["transport"]: {
            "USD per month": _money(row),
            "serves the need": TOLD[row["served"]],
            "keeps up": row["verdict"],
            "delay p50 (s)": _seconds(row["delay_p50_s"]),
            "delay p99 (s)": _seconds(row["delay_p99_s"]),
            "timing": row["timing"],
        }
        for row in comparison.frame.to_dict("records")
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def _costs(comparison: TransportComparison) -> pd.DataFrame:
    """Return a row per component that costs any way anything."""
    table = comparison.usd_per_month().T
    return table[(table > 0).any(axis=1)].map(lambda value: f"{value:,.2f}" if value else "-")


def _money(row: Row) -> str:
    text = f"{row['usd_per_month']:,.2f}"
    if is_lower_bound(row["verdict"]):
        done = "" if math.isnan(row["processed_share"]) else f": it processed {percent(row['processed_share'])}"
        text = f"at least {text}{done}"
    return f"from {text} + machines" if _machines_unknown(row) else text


def _seconds(value: float) -> str:
    if math.isnan(value):
        return "-"
    return GROWS if math.isinf(value) else f"{value:,.3f}"


def _machines_unknown(row: Row) -> bool:
    return math.isnan(row["machine_usd_per_month"])


def _ranked(frame: pd.DataFrame) -> list[Row]:
    """Return the ways that may be chosen, the first the one to name: those that keep up before those that may."""
    rows = [
        row
        for row in frame.to_dict("records")
        if row["served"] != "not at all" and not is_lower_bound(row["verdict"]) and not _machines_unknown(row)
    ]
    return sorted(rows, key=lambda row: (row["verdict"] == TOO_SHORT, row["usd_per_month"]))


def cheapest_of(frame: pd.DataFrame) -> str | None:
    """Return the cheapest way that serves, keeps up and has all its costs known; None if none does."""
    ranked = _ranked(frame)
    return str(ranked[0]["transport"]) if ranked and ranked[0]["verdict"] == KEEPS_UP else None


def verdict_of(frame: pd.DataFrame) -> str:
    """Return the verdict on some ways as sentences, the choice first."""
    ranked = _ranked(frame)
    if not ranked:
        return " ".join(["No way can be recommended.", *_not_ranked(frame)])
    first = ranked[0]
    tied = [row for row in ranked if row["verdict"] == first["verdict"] and _same(row, first)]
    return " ".join([_choice(tied), *_savings(ranked, tied), *_not_ranked(frame), *_risks(first)])


def _same(row: Row, other: Row) -> bool:
    return same_usd(row["usd_per_month"] - other["usd_per_month"])


def _choice(tied: list[Row]) -> str:
    first = tied[0]
    text = listed([row["transport"] for row in tied])
    if len(tied) > 1:
        text += f" cost the same ({usd(first['usd_per_month'])} a month)"
    if first["verdict"] == TOO_SHORT:
        text += f", but the run is {TOO_SHORT} whether it keeps up: simulate longer (duration_s)"
    if first["served"] == "by a read-back":
        text += f", serving {AS_IT_IS_THEN}"
    if first["without_image"]:
        text += f", but not for every record: {first['without_image']}"
    return f"{text}."


def _savings(ranked: list[Row], tied: list[Row]) -> Iterator[str]:
    first = tied[0]
    told: list[str] = []
    for row in ranked:
        if row in tied:
            continue
        more = row["usd_per_month"] - first["usd_per_month"]
        word, whole = ("less", row) if more > 0 else ("more", first)
        share = percent(abs(more) / whole["usd_per_month"]) if whole["usd_per_month"] else "0 %"
        unsure = f"; {TOO_SHORT}" if row["verdict"] == TOO_SHORT != first["verdict"] else ""
        a_month = "" if told else " a month"
        told.append(f"{usd(abs(more))}{a_month} {word} than {row['transport']} ({share}{unsure})")
    if told:
        yield f"{', '.join(told)}."


def _not_ranked(frame: pd.DataFrame) -> Iterator[str]:
    """Yield a sentence for each way that has no place in the ranking, with the reason."""
    for row in frame.to_dict("records"):
        reasons = []
        if row["served"] == "not at all":
            reasons.append("does not serve")
        if is_lower_bound(row["verdict"]):
            reasons.append(f"{_verb(row['verdict'])} ({_money(row)} USD a month)")
        if _machines_unknown(row) and not reasons:
            reasons.append(f"costs from {usd(row['usd_per_month'])} + machines: give machine_usd_per_month to rank it")
        if reasons:
            yield f"{row['transport']} {' and '.join(reasons)}."


def _verb(judgement: str) -> str:
    return "fails: every invocation does" if judgement.startswith("every") else judgement


def _risks(first: Row) -> Iterator[str]:
    if math.isnan(first["delay_p99_s"]):
        yield f"Risk: of {first['transport']} only the cost is told, its timing is not simulated."
    if first["served"] == "by a read-back":
        yield "Risk: an item read back may be newer than its record, so changes close together look alike."


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TransportComparison:
    """The same writes by each transport.

    Attributes
    ----------
    frame
        A row per transport: served (how it gives the functions what they need), verdict ("keeps up", "does not keep
        up", "too short to tell", "loses records" or "every invocation fails"; of KCL and Flink that of their reads),
        processed_share (NaN for these two), usd_per_month (machines included if known), machine_usd_per_month (NaN if
        not known), without_image (which records come without an image that is needed of them), delay_p50_s and
        delay_p99_s (from the write until the consumer has the record; NaN where that is not simulated, infinity where
        it grows as long as the run), and timing, which says so, and whether the consumers fall further and further
        behind.
    costs
        Long: a row per transport and component: transport, component, label, quantity, unit, unit_price_usd, usd,
        usd_per_month, price_date, price_status, source.
    bills
        By transport, for `Bill.diff`.
    note
        Region, window, and what is left out.
    """

    frame: pd.DataFrame
    costs: pd.DataFrame
    bills: dict[str, Bill]
    note: str

    def usd_per_month(self) -> pd.DataFrame:
        """Return USD a month: a row per transport, a column per component, and the total."""
        table = self.costs.pivot(index="transport", columns="label", values="usd_per_month").fillna(0.0)
        table = table.loc[list(self.bills), list(dict.fromkeys(self.costs["label"]))]
        table.columns.name = None
        return table.assign(total=table.sum(axis=1))

    @property
    def cheapest(self) -> str | None:
        """The cheapest way that serves and keeps up, of those whose costs are all known; None if none does."""
        return cheapest_of(self.frame)

    @property
    def verdict(self) -> str:
        """Which way to choose, what that saves against each other, and what it risks, in words."""
        return verdict_of(self.frame)

    def __str__(self) -> str:
        return text_of(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_of(self)
