"""Which view type to choose, in words: what it saves against each other one, what it risks, what it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ddbsim.analysis.keeping_up import DOES_NOT, TOO_SHORT
from ddbsim.scenario import AS_IT_IS_THEN

from .verdicts import FAILS, LOSES, listed, percent, same_usd, usd

if TYPE_CHECKING:
    import pandas as pd

    from .view_types import ViewTypeComparison

__all__ = ["WITHOUT_IMAGE", "at_least", "verdict_of", "without_image_of", "without_images"]

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
