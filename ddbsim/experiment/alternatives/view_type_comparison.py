"""A comparison by view type: its verdict in words (what the choice saves, risks and rests on), and its tables."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pandas as pd

from ddbsim.analysis.keeping_up import DOES_NOT, KEEPS_UP, TOO_SHORT
from ddbsim.result.summary import GROWS
from ddbsim.scenario import AS_IT_IS_THEN, TOLD, VIEW_TYPES

from .verdicts import FAILS, LOSES, is_lower_bound, listed, percent, same_usd, usd

if TYPE_CHECKING:
    pass

__all__ = [
    "WITHOUT_IMAGE",
    "ViewTypeComparison",
    "at_least",
    "html_of",
    "tables_html",
    "text_of",
    "verdict_of",
    "without_image_of",
    "without_images",
]

#: Ways of a record's event that leave the function without an image that it needs.
WITHOUT_IMAGE: Final = ("not at all", "no such image")

Row: TypeAlias = dict[Any, Any]

_BOTH = "NEW_AND_OLD_IMAGES"
_HAS_OLD = ("OLD_IMAGE", _BOTH)
_HAS_NEW = ("NEW_IMAGE", _BOTH)
_WHY_NOT = {DOES_NOT: "does not keep up", LOSES: "loses records", FAILS: "fails: every invocation does"}
# a choice that costs less than this share more is worth its images
_LITTLE = 0.01


def verdict_of(comparison: ViewTypeComparison) -> str:
    """Return the verdict as sentences, the choice first."""
    if not comparison.frame["records"].any():
        return "No record was written: nothing differs between the view types."
    if comparison.named is None:
        return " ".join(["No view type can be recommended.", *_set_aside(comparison), *_replicated(comparison)])
    parts = [_choice(comparison), *_savings(comparison), *_set_aside(comparison), *_risks(comparison)]
    return " ".join([*parts, *_rests_on(comparison), *_replicated(comparison)])


def _choice(comparison: ViewTypeComparison) -> str:
    """Return the first sentence: the choice, and at once what makes it less than a plain one."""
    tied = comparison.tied
    conditions = list(_conditions(comparison))
    condition = "".join(f", {part}" for part in conditions)
    if len(tied) == 1:
        return f"{tied[0]}{condition}."
    same = f"cost the same ({usd(_row(comparison, comparison.named)['usd_per_month'])} a month)"
    return f"{listed(tied)} {same}{condition}."


def _conditions(comparison: ViewTypeComparison) -> Iterator[str]:
    rows = [_row(comparison, view_type) for view_type in comparison.tied]
    if rows[0]["verdict"] == TOO_SHORT:
        yield f"but the run is {TOO_SHORT} whether it keeps up: simulate longer (duration_s)"
    back = [row["view_type"] for row in rows if row["served"] == "by a read-back"]
    if back:
        # of several it is to be said which
        who = f"{listed(back)} " if len(back) < len(rows) else ""
        yield f"{who}serving {AS_IT_IS_THEN}"
    if without := without_images(comparison, comparison.named):
        yield f"but not for every record: {without}"


def _savings(comparison: ViewTypeComparison) -> Iterator[str]:
    """Yield a sentence on what the choice saves against each other one that may be chosen."""
    named = _row(comparison, comparison.named)
    others = comparison.totals[~comparison.totals["tied"] & comparison.totals["above_cheapest"].notna()]
    told: list[str] = []
    for row in others.to_dict("records"):
        told.append(_saving(comparison, named, row, "" if told else " a month"))
    if told:
        yield f"{', '.join(told)}."


def _saving(comparison: ViewTypeComparison, named: Row, row: Row, a_month: str) -> str:
    more, other = row["above_cheapest"], row["view_type"]
    unsure = f"; {other} is {TOO_SHORT}" if row["verdict"] == TOO_SHORT != named["verdict"] else ""
    if same_usd(more, row["above_cheapest_low"], row["above_cheapest_high"]):
        return f"As much as {other}{unsure}"
    if more < 0:
        return f"{usd(-more)}{a_month} more than {other} ({percent(-more / named['usd_per_month'])}{unsure})"
    share = more / row["usd_per_month"]
    return f"{usd(more)}{a_month} less than {other} ({percent(share)}{_hint(comparison, other, share)}{unsure})"


def _hint(comparison: ViewTypeComparison, other: str, share: float) -> str:
    """Return when a slightly dearer choice is the better one."""
    if other != _BOTH or share >= _LITTLE:
        return ""
    lacking = listed(_lacking(comparison.named), "or")
    return f": take both images if anything may ever need the {lacking} one"


def _lacking(view_type: str | None) -> list[str]:
    return [name for name, has in (("new", _HAS_NEW), ("old", _HAS_OLD)) if view_type not in has]


def _set_aside(comparison: ViewTypeComparison) -> Iterator[str]:
    """Yield a sentence for each view type that is not to be chosen, with the reason."""
    for row in comparison.totals.to_dict("records"):
        view_type, verdict = row["view_type"], row["verdict"]
        reasons = []
        if row["served"] == "not at all":
            reasons.append(f"does not serve ({without_images(comparison, view_type)})")
        if verdict in _WHY_NOT:
            reasons.append(f"{_WHY_NOT[verdict]} ({at_least(row)})")
        if reasons:
            yield f"{view_type} {' and '.join(reasons)}."


def at_least(row: Row) -> str:
    """Return a bill of less work than there was: no more than a lower bound, and of how much."""
    return f"at least {usd(row['usd_per_month'])} a month: it processed {percent(row['processed_share'])}"


def without_images(comparison: ViewTypeComparison, view_type: str | None) -> str:
    """Return which records come without any image that is needed of them, by event name; "" if none does."""
    return without_image_of(_events(comparison, view_type))


def without_image_of(events: pd.DataFrame) -> str:
    """Return the same of one view type's rows of `ViewTypeComparison.events`."""
    rows = events[events["served"].isin(WITHOUT_IMAGE) & (events["records"] > 0)]
    several = len(set(events["event_source_mapping"])) > 1
    told = [
        f"{row['event_name']}: {percent(row['share'])} come without an image that {_of(row, several)} needs"
        + (" (there is none)" if row["served"] == "no such image" else "")
        for row in rows.to_dict("records")
    ]
    return ", ".join(told)


def _of(row: Row, several: bool) -> str:
    return str(row["event_source_mapping"]) if several else "the function"


def _risks(comparison: ViewTypeComparison) -> Iterator[str]:
    """Yield what the choice risks."""
    named, tied = comparison.named, comparison.tied
    risks = []
    if _row(comparison, named)["served"] == "by a read-back":
        risks.append("an item read back may be newer than its record, so changes close together look alike")
        refused = _work(comparison, named)["refused_reads"].sum()
        if refused:
            risks.append(f"{refused:,.0f} reads are beyond the table's read capacity")
    if len(tied) > 1 and _BOTH in tied:
        yield f"{_BOTH} carries both images for the same money, should anything ever need them."
    elif lacking := _lacking(named):
        risks.append(f"a consumer that needs the {listed(lacking, 'or')} image later does not find it in the stream")
    if risks:
        yield f"Risk: {'; '.join(risks)}."


def _rests_on(comparison: ViewTypeComparison) -> Iterator[str]:
    """Yield which defaults the verdict rests on."""
    decided_by = comparison.decided_by
    if not decided_by:
        return
    all_alike = len(comparison.tied) == len(comparison.totals)
    if all_alike and len(decided_by) > 1:
        yield f"With {listed(decided_by)} nothing that differs is billed."
    else:
        yield f"This rests on {listed(decided_by)}: {_meaning(decided_by)}."


def _meaning(decided_by: tuple[str, ...]) -> str:
    meanings = {"needs": "a function that needs keys alone is served by any", "per_kb_s": "more bytes take no longer"}
    return " and ".join(meanings[default.partition("=")[0]] for default in decided_by)


def _replicated(comparison: ViewTypeComparison) -> Iterator[str]:
    if comparison.replications > 1:
        yield (
            f"±: {comparison.confidence:.0%} intervals over {comparison.replications} replications; differences are "
            "paired."
        )


def _row(comparison: ViewTypeComparison, view_type: str | None) -> Row:
    return next(row for row in comparison.totals.to_dict("records") if row["view_type"] == view_type)


def _events(comparison: ViewTypeComparison, view_type: str | None) -> pd.DataFrame:
    return comparison.events[comparison.events["view_type"] == view_type]


def _work(comparison: ViewTypeComparison, view_type: str | None) -> pd.DataFrame:
    return comparison.frame[comparison.frame["view_type"] == view_type]


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
    work, costs = _work_table(comparison).to_string(), _costs(comparison).to_string()
    return f"{comparison.verdict}\n\nUSD per month\n{costs}\n\n{work}\n{comparison.note}"


def html_of(comparison: ViewTypeComparison) -> str:
    """Return the comparison as HTML."""
    return f"<p><b>{html.escape(comparison.verdict)}</b></p>{tables_html(comparison)}"


def tables_html(comparison: ViewTypeComparison) -> str:
    """Return what stands below the verdict: the costs, the work behind a fold, the note."""
    costs = _costs(comparison).to_html(border=0, classes="ddbsim-costs")
    work = f"<details><summary>Work by view type</summary>{_work_table(comparison).to_html(border=0)}</details>"
    return f"<p><b>USD per month</b></p>{costs}{work}<p>{html.escape(comparison.note)}</p>"


def _work_table(comparison: ViewTypeComparison) -> pd.DataFrame:
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


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ViewTypeComparison:
    """The same writes under each view type; means over the replications.

    Attributes
    ----------
    frame
        A row per view type and mapping: served (how it gives the function what it needs: "directly", "by a read-back"
        or "not at all", of images that exist), verdict ("keeps up", "does not keep up", "too short to tell", "loses
        records" or "every invocation fails"), falls_behind (1 if its backlog grows, 0.5 if the run is too short to
        tell, 0 if it keeps up), processed_share, records, processed_records, lost_records, without_image_share (of the
        records, those that come without any image that is needed of them), record_bytes (mean SizeBytes),
        payload_bytes (mean per invocation), invocations, failed_invocations, refused_reads (read-backs that the
        table's capacity did not serve), records_per_invocation, duration_ms (mean), latency_p50_s, latency_p99_s
        (infinite where it grows without limit), iterator_age_max_s.
    events
        A row per view type, mapping and event name: needs, served (as above, or "no such image": before an INSERT
        there is no old one, after a REMOVE no new one), records, share (of the mapping's).
    costs
        Long: a row per view type and component of the bill: view_type, served (by all mappings), verdict (the worst),
        processed_share, component, label, quantity, unit, unit_price_usd, usd, usd_per_month, usd_per_month_low,
        usd_per_month_high (ends of the interval; NaN for one replication). Made for `.pivot()`.
    totals
        A row per view type: served, verdict, processed_share, usd_per_month with its interval (no more than a lower
        bound where the verdict is neither "keeps up" nor "too short to tell"), usd_per_million_records (processed
        ones), above_cheapest: the difference to the one named, with the interval of the paired differences, NaN for
        one that is not to be chosen, and tied: whether it costs the same.
    decided_by
        The defaults that the verdict rests on.
    replications, confidence
        Runs per view type, and what the intervals hold with.
    note
        Region, window and prices of the bills.
    """

    frame: pd.DataFrame
    events: pd.DataFrame
    costs: pd.DataFrame
    totals: pd.DataFrame
    decided_by: tuple[str, ...]
    replications: int
    confidence: float
    note: str

    @property
    def named(self) -> str | None:
        """The view type that the verdict names first: the cheapest that serves and keeps up.

        Where the run is too short to tell that of any, the cheapest that may keep up, and the verdict says so.
        """
        return _named(self.totals)

    @property
    def cheapest(self) -> str | None:
        """The cheapest view type that serves what every function needs, and keeps up; None if none does."""
        named = self.named
        verdicts = self.totals.set_index("view_type")["verdict"]
        return named if named is not None and verdicts[named] == KEEPS_UP else None

    @property
    def tied(self) -> tuple[str, ...]:
        """All view types that cost the same as the one named, itself included."""
        return tuple(self.totals.loc[self.totals["tied"], "view_type"])

    @property
    def verdict(self) -> str:
        """Which view type to choose, what that saves, what it risks, and what it rests on, in words."""
        return verdict_of(self)

    def usd_per_month(self) -> pd.DataFrame:
        """Return USD a month: a row per view type, a column per component, and the total."""
        table = self.costs.pivot(index="view_type", columns="label", values="usd_per_month").loc[list(VIEW_TYPES)]
        # AWS's order of components, not the alphabet's
        table = table[list(dict.fromkeys(self.costs["label"]))]
        table.columns.name = None
        return table.assign(total=table.sum(axis=1))

    def __str__(self) -> str:
        return text_of(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_of(self)


def _eligible(totals: pd.DataFrame) -> pd.Series[bool]:
    """Return which view types may be chosen: they serve, and at least may keep up."""
    return (totals["served"] != "not at all") & totals["verdict"].isin((KEEPS_UP, TOO_SHORT))


def _named(totals: pd.DataFrame) -> str | None:
    """Return the cheapest that serves and keeps up; failing that, the cheapest that serves and may keep up."""
    able = totals[_eligible(totals)].assign(unsure=lambda frame: frame["verdict"] == TOO_SHORT)
    able = able.sort_values(["unsure", "usd_per_month"], kind="stable")
    return None if able.empty else str(able["view_type"].iloc[0])
