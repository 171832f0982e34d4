"""The same writes under each view type."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.analysis.keeping_up import DOES_NOT
from ddbsim.analysis.student import mean_intervals
from ddbsim.checks.arguments import checked
from ddbsim.checks.wording import shown
from ddbsim.experiment.runs.measures import FALLS_BEHIND, keeping_up_of
from ddbsim.randomness import RandomStreams, Seed
from ddbsim.result.result import Result
from ddbsim.run import draw_writes, run
from ddbsim.scenario import (
    EVENT_NAMES,
    VIEW_TYPES,
    EventSourceMapping,
    Scenario,
    Served,
    ViewType,
    filters_told,
    needed_of,
    served,
    ways,
)

from .verdicts import FAILS, LOSES, Judgement, same_usd, worst
from .view_type_comparison import WITHOUT_IMAGE, ViewTypeComparison, _eligible, _named, without_image_of

if TYPE_CHECKING:
    from ddbsim.analysis.bill import Bill
    from ddbsim.aws.prices import PriceList

__all__ = ["Functions", "Measured", "compare_view_types", "functions_of", "measure", "served_by_all", "whole"]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a comparison keeps of one run: its work per mapping, its records by event name, and its bill."""

    work: pd.DataFrame
    events: pd.DataFrame
    bill: Bill


@checked
def compare_view_types(
    scenario: Scenario,
    *,
    rng: Seed = None,
    replications: int = 1,
    confidence: float = 0.95,
    region: str | None = None,
    month_hours: float = 730.0,
    free_tier: bool = False,
    price_list: PriceList | None = None,
    progress: bool = True,
    measured: Mapping[str, Measured] | None = None,
) -> ViewTypeComparison:
    """Run the same writes under all four view types, and say which to choose: what each costs, and whether it serves.

    Write units, and Lambda's reads of the stream, cost the same under each. What differs follows from the bytes: how
    full a batch can be, how long the handler takes (`Duration.per_kb_s`), how many GB-seconds that is; and from what
    the handler `needs`: a new image that the view type leaves out is read back from the table, record by record
    (`ReadBack`), as the item is then; an old one cannot be had at all.

    Only a view type that serves every function, keeps up and loses nothing is recommended. The bill of another is that
    of less work than there was, and is told as a lower bound. Bills are equal if their difference rounds to 0.00 USD a
    month, or if its interval holds 0.

    Parameters
    ----------
    scenario
        Its view type is replaced by each of the four.
    rng
        Seed or generator.
    replications
        Independent repetitions, >= 1, each with the same writes under all four. The first is the run that `simulate`
        makes of the same seed.
    confidence
        Of the intervals (Student's t over the replications), in (0, 1).
    region, month_hours, free_tier, price_list
        As of `Result.bill`.
    progress
        Show a bar on simulated time for each run.
    measured
        What is known already of the first run of this scenario and seed, by view type, billed in the same way; see
        `measure`.

    Returns
    -------
    ViewTypeComparison

    Raises
    ------
    ValueError
        If there is to be no replication, or the confidence is outside (0, 1).
    KeyboardInterrupt
        After Ctrl-C: parts of runs are not compared.

    Examples
    --------
    >>> import ddbsim as ds
    >>> comparison = compare_view_types(ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=30), rng=7)
    >>> comparison.frame["record_bytes"].round().tolist()
    [36.0, 1060.0, 1060.0, 2084.0]
    """
    scenario.check_mapped("compare_view_types")
    if not isinstance(replications, int) or isinstance(replications, bool) or replications < 1:
        raise ValueError(f"replications must be a whole number >= 1, got {shown(replications)}")
    bill = partial(Result.bill, region=region, month_hours=month_hours, free_tier=free_tier, price_list=price_list)
    runs = [
        _run_all(scenario, streams, progress, measured if number == 0 else None, bill)
        for number, streams in enumerate(_replicated(rng, replications))
    ]
    costs = _stacked_runs([{view_type: one.bill.frame[_COSTS] for view_type, one in known.items()} for known in runs])
    work = _stacked_runs([{view_type: one.work for view_type, one in known.items()} for known in runs])
    events = _stacked_runs([{view_type: one.events for view_type, one in known.items()} for known in runs])
    frame, kinds = _judged(work), _events(events)
    frame.insert(9, "without_image_share", _without_image(frame, kinds))
    states = _states(frame, scenario)
    return ViewTypeComparison(
        frame=frame,
        events=kinds,
        costs=_costs(costs, states, confidence),
        totals=_totals(costs, states, confidence),
        decided_by=_decided_by(scenario),
        replications=replications,
        confidence=confidence,
        note=runs[0][VIEW_TYPES[0]].bill.note,
    )


_COSTS = ["component", "label", "quantity", "unit", "unit_price_usd", "usd", "usd_per_month"]


def _replicated(rng: Seed, replications: int) -> Iterator[RandomStreams]:
    """Yield the streams of each replication: the first are those of a single run."""
    first = RandomStreams(rng)
    yield first
    for number in range(1, replications):
        yield first.replication(number)


def _run_all(
    scenario: Scenario,
    streams: RandomStreams,
    progress: bool,
    measured: Mapping[str, Measured] | None,
    bill: Callable[[Result], Bill],
) -> dict[ViewType, Measured]:
    """Return what one replication gives under each view type."""
    known = dict(measured or {})
    scenario = filters_told(scenario)
    writes = None
    for view_type in VIEW_TYPES:
        if view_type not in known:
            # the parts of a run know each other: what the one before held is freed now, or some time later
            gc.collect()
            writes = draw_writes(scenario, streams) if writes is None else writes
            stream = replace(scenario.stream, view_type=view_type)
            variant = replace(scenario, stream=stream, name=f"{scenario.name}, {view_type}")
            known[view_type] = measure(whole(run(variant, writes, streams, progress=progress)), bill)
    return {view_type: known[view_type] for view_type in VIEW_TYPES}


def whole(result: Result) -> Result:
    """Return a run that reached its end; KeyboardInterrupt goes on, for a part of a run compares with nothing."""
    if result.partial:
        raise KeyboardInterrupt
    return result


def _stacked_runs(runs: list[dict[ViewType, pd.DataFrame]]) -> pd.DataFrame:
    """Return the frames of all replications and view types as one, with those two as columns."""
    parts = {(number, view_type): frame for number, known in enumerate(runs) for view_type, frame in known.items()}
    stacked = pd.concat(parts, names=["replication", "view_type"])
    return stacked.reset_index(level=["replication", "view_type"]).reset_index(drop=True)


def _means(runs: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return the mean over the replications of every other column."""
    return runs.drop(columns="replication").groupby(by, sort=False, as_index=False).mean()


def _judged(work: pd.DataFrame) -> pd.DataFrame:
    """Return the means over the replications, each row with its verdict."""
    by = ["view_type", "event_source_mapping", "served"]
    means = _means(work, by)
    falls_behind = work.groupby(by[:2], sort=False)["falls_behind"].agg(list)
    # grouped alike, so in one order
    verdicts = [_judgement(row, values) for row, values in zip(means.itertuples(), falls_behind, strict=True)]
    means.insert(3, "verdict", verdicts)
    return means


def _judgement(row: Any, falls_behind: list[float]) -> Judgement:
    if row.failed_invocations > 0 and row.processed_records == 0:
        return FAILS
    verdict = keeping_up_of(falls_behind)
    return LOSES if row.lost_records > 0 and verdict != DOES_NOT else verdict


def _events(runs: pd.DataFrame) -> pd.DataFrame:
    by = ["view_type", "event_source_mapping", "event_name", "needs", "served"]
    means = _means(runs, by)
    whole = means.groupby(by[:2], sort=False)["records"].transform("sum")
    return means.assign(share=(means["records"] / whole.where(whole > 0)).fillna(0.0))


def _without_image(frame: pd.DataFrame, events: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return of each row's records the share that comes without an image that is needed of them."""
    without = events[events["served"].isin(WITHOUT_IMAGE)]
    shares = without.groupby(["view_type", "event_source_mapping"])["share"].sum()
    rows = pd.MultiIndex.from_frame(frame[["view_type", "event_source_mapping"]])
    return shares.reindex(rows, fill_value=0.0).to_numpy()


def _states(frame: pd.DataFrame, scenario: Scenario) -> pd.DataFrame:
    """Return what there is to know of each view type beside its bill: of all its mappings together."""
    rows = []
    for view_type, mine in frame.groupby("view_type", sort=False):
        records = mine["records"].sum()
        rows.append(
            {
                "view_type": view_type,
                "served": served_by_all(scenario, cast("ViewType", view_type)),
                "verdict": worst(mine["verdict"].tolist()),
                "processed_share": (mine["processed_share"] * mine["records"]).sum() / records if records else np.nan,
                "processed_records": mine["processed_records"].sum(),
            }
        )
    return pd.DataFrame(rows).set_index("view_type")


def _costs(runs: pd.DataFrame, states: pd.DataFrame, confidence: float) -> pd.DataFrame:
    by = ["view_type", "component", "label", "unit"]
    means = _means(runs, by)
    ends = mean_intervals(runs, "usd_per_month", by=by, confidence=confidence)
    means[["usd_per_month_low", "usd_per_month_high"]] = ends[["usd_per_month_low", "usd_per_month_high"]]
    told = ["served", "verdict", "processed_share"]
    means = means.join(states[told], on="view_type")
    return means[["view_type", *told, *_COSTS, "usd_per_month_low", "usd_per_month_high"]]


def _totals(runs: pd.DataFrame, states: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Return each view type's total, and its difference to the one to be named, paired by replication."""
    sums = runs.groupby(["replication", "view_type"], sort=False)[["usd", "usd_per_month"]].sum().reset_index()
    totals = mean_intervals(sums, "usd_per_month", by=["view_type"], confidence=confidence)
    window_usd = sums.groupby("view_type")["usd"].mean()
    each = window_usd / states["processed_records"].where(states["processed_records"] > 0)
    totals = totals.join(states[["served", "verdict", "processed_share"]], on="view_type")
    totals["usd_per_million_records"] = 1e6 * totals["view_type"].map(each)
    named, chosen = _named(totals), totals.loc[_eligible(totals), "view_type"]
    base = sums[sums["view_type"] == named].set_index("replication")["usd_per_month"]
    sums["above_cheapest"] = sums["usd_per_month"] - sums["replication"].map(base)
    ends = mean_intervals(
        sums[sums["view_type"].isin(chosen)], "above_cheapest", by=["view_type"], confidence=confidence
    )
    totals = totals.merge(ends, on="view_type", how="left")
    differences = totals[["above_cheapest", "above_cheapest_low", "above_cheapest_high"]]
    alike = [same_usd(*row) for row in differences.itertuples(index=False)]
    # what may fall behind is no equal of what keeps up
    totals["tied"] = np.array(alike) & totals["verdict"].isin(totals.loc[totals["view_type"] == named, "verdict"])
    order = ["view_type", "served", "verdict", "processed_share"]
    return totals[order + [column for column in totals if column not in order]]


def _decided_by(scenario: Scenario) -> tuple[str, ...]:
    """Return the defaults that make view types alike, each with the functions that have them if not all do."""
    functions = {mapping.function.name: mapping.function for mapping in scenario.mappings}
    defaults = {
        "needs='keys'": [name for name, one in functions.items() if one.needs == "keys"],
        # what is measured has no law
        "per_kb_s=0": [name for name, one in functions.items() if one.duration != "measured" and not one.law.per_kb_s],
    }
    return tuple(
        default if len(names) == len(functions) else f"{default} of {' and '.join(names)}"
        for default, names in defaults.items()
        if names
    )


def served_by_all(scenario: Scenario, view_type: ViewType) -> Served:
    """Return how a view type serves all mappings: as the worst of them is served."""
    ways = {served(mapping.function.needs, view_type) for mapping in scenario.mappings}
    worst: tuple[Served, ...] = ("not at all", "by a read-back", "directly")
    return next(way for way in worst if way in ways)


def measure(result: Result, bill: Callable[[Result], Bill] = Result.bill) -> Measured:
    """Return what a comparison keeps of a run, billed in a given way; the run itself can then be dropped."""
    events = [_events_of(result, mapping) for mapping in result.scenario.mappings]
    return Measured(_work(result), pd.concat(events, ignore_index=True), bill(result))


@dataclass(frozen=True, slots=True)
class Functions:
    """How the functions of a run did, all together: verdict, processed_share, and which records lacked an image."""

    verdict: Judgement
    processed_share: float
    without_image: str


def functions_of(result: Result) -> Functions:
    """Return how the functions of a run did."""
    view_type = result.scenario.stream.view_type
    run = {view_type: _work(result)}
    frame = _judged(_stacked_runs([run]))
    (state,) = _states(frame, result.scenario).to_dict("records")
    kinds = [_events_of(result, mapping) for mapping in result.scenario.mappings]
    lacking = without_image_of(_events(_stacked_runs([{view_type: pd.concat(kinds, ignore_index=True)}])))
    return Functions(state["verdict"], float(state["processed_share"]), lacking)


def _events_of(result: Result, mapping: EventSourceMapping) -> pd.DataFrame:
    """Return a row per event name: how many records of it the function was to have after the warm-up."""
    log, function = result.stream_log, mapping.function
    mine = log[(log["event_source_mapping"] == mapping.label) & (log["written_s"] >= result.numbers(mapping).begin_s)]
    counts = mine.loc[~mine["outcome"].isin(("filtered", "skipped")), "event_name"].value_counts()
    found = ways(function.needs, result.scenario.stream.view_type)
    rows = [
        {
            "event_source_mapping": mapping.label,
            "event_name": event,
            "needs": needed_of(function.needs, event),
            "served": found[event],
            "records": int(counts.get(event, 0)),
        }
        for event in EVENT_NAMES
    ]
    return pd.DataFrame(rows)


def _work(result: Result) -> pd.DataFrame:
    """Return what the work of each mapping was, after the warm-up."""
    latency = result.latency((0.5, 0.99)).set_index(["event_source_mapping", "quantile"])["latency_s"]
    keeping_up = {row.event_source_mapping: row for row in result.keeping_up().itertuples()}
    refused = result.read_backs.groupby("event_source_mapping", observed=True)["throttles"].sum()
    rows = []
    for mapping in result.scenario.mappings:
        name, numbers = mapping.label, result.numbers(mapping)
        rows.append(
            {
                "event_source_mapping": name,
                "served": served(mapping.function.needs, result.scenario.stream.view_type),
                "falls_behind": FALLS_BEHIND[str(keeping_up[name].verdict)],
                "processed_share": keeping_up[name].processed_share,
                "records": numbers.written,
                "processed_records": numbers.records["processed"],
                "lost_records": numbers.lost,
                "record_bytes": numbers.record_bytes,
                "payload_bytes": numbers.payload_bytes,
                "invocations": numbers.invocations,
                "failed_invocations": numbers.failed,
                "refused_reads": int(refused.get(name, 0)),
                "records_per_invocation": numbers.records_per_invocation,
                "duration_ms": numbers.duration_s * 1000.0,
                "latency_p50_s": latency.get((name, 0.5), np.nan),
                "latency_p99_s": latency.get((name, 0.99), np.nan),
                "iterator_age_max_s": numbers.iterator_age_max_s,
            }
        )
    return pd.DataFrame(rows)
