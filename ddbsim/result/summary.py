"""The summary of a run: what one looks at first, as HTML in a notebook and as text elsewhere."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from ddbsim.analysis.keeping_up import DOES_NOT, KEEPS_UP, TOO_SHORT
from ddbsim.analysis.per_mapping import measured_from_s
from ddbsim.analysis.reasons import reasons_of
from ddbsim.analysis.stuck import stuck_notes
from ddbsim.analysis.table_numbers import over_cap
from ddbsim.log import outcomes
from ddbsim.log.reasons import Reason, sentence
from ddbsim.log.sentences import count_of
from ddbsim.scenario import filter_notes, images_needed, ways

from .capacity import REMEDIES, capacity, longest_in_time

if TYPE_CHECKING:
    from ddbsim.scenario import EventSourceMapping, Scenario

    from .answers import Answers

__all__ = ["GROWS", "Summary", "summarize", "warnings_of"]

#: What a latency is called that lies among records which wait, and would be another in a longer run.
GROWS = "grows without limit"

_HOT = 2.0
_VERDICTS: dict[str, str] = {KEEPS_UP: "yes", DOES_NOT: "NO", TOO_SHORT: TOO_SHORT}
# a check of so many takes less than 0.1 s, of a million 2 s
_MOST_RECORDS_CHECKED = 20_000


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in a few lines.

    Attributes
    ----------
    title
        Scenario, seed and simulated time.
    frame
        A row per mapping.
    readers
        A row per reader that is not Lambda.
    warnings
        Sentences on what does not hold or cannot be trusted.
    """

    title: str
    frame: pd.DataFrame
    readers: pd.DataFrame
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        tables = [line for table in self._tables() for line in ("", table.to_string())]
        return "\n".join([self.title, *tables, *(f"! {warning}" for warning in self.warnings)])

    def _tables(self) -> Iterator[pd.DataFrame]:
        """Yield the table of the mappings and that of the other readers, where there are any: a column for each."""
        for frame in (self.frame, self.readers):
            if len(frame):
                yield frame.set_index(frame.columns[0]).T

    def _repr_html_(self) -> str:
        table = "".join(table.to_html(border=0) for table in self._tables())
        notes = "".join(f"<p><b>Note:</b> {html.escape(warning)}</p>" for warning in self.warnings)
        return f"<p>{html.escape(self.title)}</p>{table}{notes}"


def summarize(result: Answers) -> Summary:
    """Return the summary of a run."""
    scenario = result.scenario
    # an interrupted run knows writes that it never came to
    writes = int((result.writes["written_s"] < result.ended_s).sum())
    begin_s = measured_from_s(scenario.warmup_s, result.ended_s)
    warmup = f" (counted below: those after {begin_s:,g} s)" if begin_s else ""
    lost = int((result.writes["outcome"] == "lost").sum())
    asked = f"{writes:,} of {writes + lost:,} writes taken" if lost else f"{writes:,} writes"
    title = f"{scenario.name}: {result.ended_s:,.0f} s simulated, {asked}{warmup}, seed {result.seed}"
    latency = dict(list(result.latency((0.5, 0.95, 0.99)).groupby("event_source_mapping", observed=True)))
    verdicts = result.keeping_up().set_index("event_source_mapping")["verdict"]
    frame = pd.DataFrame(
        [_row(result, mapping, latency.get(mapping.label), verdicts[mapping.label]) for mapping in scenario.mappings]
    )
    readers = pd.DataFrame([_reader_row(one) for one in result.reader_numbers().to_dict("records")])
    # an outcome that only another mapping had
    return Summary(title, frame.fillna("0"), readers, tuple(warnings_of(result)))


def _row(result: Answers, mapping: EventSourceMapping, latency: pd.DataFrame | None, verdict: str) -> dict[str, str]:
    numbers = result.numbers(mapping)
    row = {"event_source_mapping": mapping.label, "keeps up": _VERDICTS[verdict]}
    row |= {f"records {name}": f"{n:,}" for name, n in numbers.records.items() if n or name == "processed"}
    if latency is not None:
        for q, value in zip(latency["quantile"], latency["latency_s"], strict=True):
            row[f"latency p{round(q * 100)} (s)"] = _seconds(value)
    row["largest lag (s)"] = f"{numbers.lag_max_s:.1f}"
    row["furthest behind at the end (s)"] = f"{numbers.lag_end_s:.1f}"
    age_s = numbers.iterator_age_max_s
    row["peak iterator age (s)"] = "-" if math.isnan(age_s) else f"{age_s:.1f}"
    row["invocations"] = f"{numbers.invocations:,}"
    size = numbers.records_per_invocation
    row["records per invocation"] = "-" if math.isnan(size) else f"{size:.1f}"
    row["failed invocations"] = f"{numbers.failed:,}"
    row["throttles"] = f"{numbers.throttles:,}"
    if numbers.too_large:
        row["events over 6 MB"] = f"{numbers.too_large:,}"
    row["utilization of lanes"] = f"{numbers.utilization:.1%}"
    return row


def _reader_row(one: dict[Any, Any]) -> dict[str, str]:
    row = {"stream reader": one["reader"], "keeps up": _VERDICTS[one["verdict"]]}
    row |= {f"records {name}": f"{one[name]:,}" for name in outcomes.READ_OUTCOMES if one[name] or name == "read"}
    row |= {f"lag p{q} (s)": _seconds(one[f"lag_p{q}_s"]) for q in (50, 95, 99)}
    row["largest lag (s)"] = f"{one['lag_max_s']:.1f}"
    row["furthest behind at the end (s)"] = f"{one['lag_end_s']:.1f}"
    row["GetRecords calls"] = f"{one['calls']:,}"
    row["throttled calls"] = f"{one['throttled']:,}"
    return row


def _seconds(value: float) -> str:
    return GROWS if math.isinf(value) else f"{value:.3f}"


def warnings_of(result: Answers) -> list[str]:
    """Return sentences on what does not hold, or cannot be trusted, in a run."""
    notes = []
    if result.partial:
        notes.append(f"the run was interrupted at {result.ended_s:,.0f} of {result.scenario.length_s:,.0f} s")
    notes += _table(result)
    notes += _behind(result)
    notes += _readers_behind(result)
    notes += stuck_notes(result.stuck_shards())
    notes += _unserved(result.scenario)
    notes += _raised(result)
    notes += filter_notes(result.scenario)
    lost = outcomes.lost(result.stream_log).sum()
    if lost:
        notes.append(f"{lost:,} records were given up or expired: see result.discards")
    return notes + _failed_checks(result)


def _table(result: Answers) -> Iterator[str]:
    """Yield notes on the writes: what the table refused, and what a table without a mode lets pass."""
    numbers, table = result.table_numbers(), result.scenario.table
    if numbers.lost or numbers.delayed:
        given_up = f"{numbers.lost / numbers.asked:.1%} were given up ({numbers.lost:,})"
        delayed = f"{numbers.delayed / numbers.asked:.1%} came late ({numbers.delayed:,})"
        reasons = ", ".join(f"{name} ({count:,})" for name, count in numbers.reasons.items())
        yield f"the table: of {numbers.asked:,} writes asked for, {given_up}, and {delayed}: {reasons}"
    if table.billing is None:
        yield from _over_cap(result)


def _over_cap(result: Answers) -> Iterator[str]:
    cap = result.scenario.table.partition_write_units_per_s
    over = over_cap(result.writes, cap, warmup_s=result.scenario.warmup_s, ended_s=result.ended_s)
    if over.partitions:
        yield (
            f"the table has no billing mode, so it never throttles: {over.partitions} of its partitions passed the "
            f"{cap:,} write units/s that the service gives one (the busiest had {over.partition_units_per_s:,.0f}); "
            "set Table(billing=...) to see what it would refuse"
        )
    if over.item_units_per_s > cap:
        yield (
            f"the hottest item took {over.item_units_per_s:,.0f} write units/s, "
            f"and the service takes at most {cap:,} of any one"
        )


def _behind(result: Answers) -> Iterator[str]:
    """Yield a note for each mapping whose backlog grows, or would if it ever had one."""
    loads = capacity(result)
    for name, one in result.keeping_up().set_index("event_source_mapping").iterrows():
        mine = loads[loads["event_source_mapping"] == name]
        exceeded = mine[(mine["load"] > 1) & (mine["limit"] != "timeout")]
        late = (mine["limit"] == "timeout").any()
        if one["verdict"] == DOES_NOT and late:
            exceeded = mine[mine["load"] > 1]
        if one["verdict"] == DOES_NOT:
            yield _grows(str(name), one, exceeded)
        elif late:
            yield f"{name}: {_full_batch_fails(result, str(name))}"


def _readers_behind(result: Answers) -> Iterator[str]:
    """Yield a note for each reader that is not Lambda and whose backlog grows, or which records expired on."""
    for one in result.reader_numbers().to_dict("records"):
        name, written = one["reader"], sum(one[outcome] for outcome in outcomes.READ_OUTCOMES)
        if one["verdict"] == DOES_NOT:
            loads = capacity(result)
            worst = loads[loads["event_source_mapping"] == name].sort_values("load", ascending=False).iloc[0]
            why = "the backlog grows"
            if worst["load"] > 1.0:
                why = (
                    f"offered {worst['offered_per_s']:,.0f} records/s, but the {worst['limit']} limit allows "
                    f"{worst['records_per_s']:,.0f}; what binds: {worst['remedy']}"
                )
            done = f"it read {one['read']:,} of {written:,} records"
            yield f"{name}: does not keep up: {done}; {why}"
        if one["expired"]:
            yield f"{name}: {one['expired']:,} records expired before it read them"


def _grows(name: str, one: pd.Series[Any], exceeded: pd.DataFrame) -> str:
    done = f"it processed {one['processed_share']:.0%} of what was written"
    if exceeded.empty:
        shards = f"{one['growing_shards']} shard{'' if one['growing_shards'] == 1 else 's'}"
        where = f"the backlog of {shards} grows, by {one['growth_share']:.1%} of what is written"
        if math.isnan(one["growth_share"]):
            where = f"nothing more is written, and nothing of what waits on {shards} is worked off"
        return f"{name}: does not keep up: {where}; {done}"
    worst = _binding(exceeded)
    return (
        f"{name}: does not keep up: offered {worst['offered_per_s']:,.0f} records/s, but the {worst['limit']} limit "
        f"allows {worst['records_per_s']:,.0f}: the backlog grows; {done}; what binds: {worst['remedy']}"
    )


def _full_batch_fails(result: Answers, name: str) -> str:
    """Say which batch takes longer than the timeout: nothing of a run in which no batch was so full."""
    (mapping,) = (one for one in result.scenario.mappings if one.label == name)
    most, duration_s = longest_in_time(result, mapping)
    return (
        f"a batch of more than {most:,} records would take longer than timeout_s ({mapping.function.timeout_s} s; a "
        f"full one {duration_s:.3g} s): a backlog of such batches would never be worked off; {REMEDIES['timeout']}"
    )


def _raised(result: Answers) -> list[str]:
    """Return a note per mapping whose own handler failed, with the most frequent reason; the law's needs no words."""
    reasons = reasons_of(result.invocations, [mapping.label for mapping in result.scenario.mappings])
    # a bare `raise` or `assert` has a line and no words
    told = reasons[(reasons["error_message"] != "") | (reasons["error_line"] != "")]
    return [_most_frequent(str(name), mine) for name, mine in told.groupby("event_source_mapping", sort=False)]


def _most_frequent(name: str, reasons: pd.DataFrame) -> str:
    """Return the note on a mapping's reasons; those that differ in their words alone are taken together."""
    kinds = reasons.groupby(["error_type", "error_line"], sort=False)["invocations"].sum().reset_index()
    error_type, line, count = kinds.nlargest(1, "invocations").to_numpy().tolist()[0]
    same = reasons[(reasons["error_type"] == error_type) & (reasons["error_line"] == line)]
    words = sentence(Reason(error_type, same["error_message"].iloc[0], line))
    also = "" if len(same) == 1 else f", or alike ({len(same):,} messages)"
    rest = int(kinds["invocations"].sum()) - count
    others = f"; {rest:,} more failed otherwise: see error_type in result.invocations" if rest else ""
    return f"{name}: {count_of(count, 'invocation')} {'raised' if line else 'failed with'} {words}{also}{others}"


def _failed_checks(result: Answers) -> list[str]:
    """Return a note per failed self-check; of long runs none, because a summary is to come at once."""
    if len(result.stream_log) > _MOST_RECORDS_CHECKED:
        return []
    failed = result.check().query("not ok")
    return [
        f"the frames contradict themselves ({name}): {detail}; see result.check()"
        for name, detail in zip(failed["check"], failed["detail"], strict=True)
    ]


def _unserved(scenario: Scenario) -> Iterator[str]:
    """Yield a note for each mapping whose function needs images that its records do not have."""
    view_type = scenario.stream.view_type
    for mapping in scenario.mappings:
        needs, found = mapping.function.needs, ways(mapping.function.needs, view_type)
        if left_out := [event for event, way in found.items() if way == "not at all"]:
            yield (
                f"{mapping.label}: its function needs {images_needed(needs, left_out)}, which {view_type} leaves out "
                "and the table does not keep: see ds.view_type_uses()"
            )
        # one word for all events means: where there is such an image
        never = [event for event, way in found.items() if way == "no such image"]
        if never and isinstance(needs, dict):
            yield f"{mapping.label}: its function needs {images_needed(needs, never)}, which no view type has"


def _binding(exceeded: pd.DataFrame) -> pd.Series[Any]:
    """Return the limit to name: the worst, but a lane is hot only if it is far above the others."""
    by_limit = exceeded.set_index("limit", drop=False)
    loads = by_limit["load"].sort_values(ascending=False)
    if "lanes" in loads and loads.get("hottest lane", 0.0) < _HOT * loads["lanes"]:
        loads = loads.drop("hottest lane", errors="ignore")
    binding: pd.Series[Any] = by_limit.loc[loads.index[0]]
    return binding
