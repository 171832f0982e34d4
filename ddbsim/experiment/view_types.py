"""The same writes under each view type."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ddbsim.analysis.student import mean_intervals
from ddbsim.arguments import checked
from ddbsim.randomness import RandomStreams, Seed
from ddbsim.result import Result
from ddbsim.run import draw_writes, run
from ddbsim.scenario import VIEW_TYPES, Scenario, Served, ViewType, filters_told, served

from .measures import FALLS_BEHIND
from .view_type_tables import html_of, text_of

if TYPE_CHECKING:
    from ddbsim.analysis.bill import Bill
    from ddbsim.aws.prices import PriceList

__all__ = ["Measured", "ViewTypeComparison", "compare_view_types", "measure", "served_by_all", "whole"]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a comparison keeps of one run: its work per mapping, and its bill."""

    work: pd.DataFrame
    bill: Bill


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ViewTypeComparison:
    """The same writes under each view type; means over the replications.

    Attributes
    ----------
    frame
        A row per view type and mapping: served (how it gives the function what it needs: "directly", "by a read-back"
        or "not at all"), falls_behind (1 if its backlog grows, 0.5 if the run is too short to tell, 0 if it keeps up),
        processed_share, records, record_bytes (mean SizeBytes), payload_bytes (mean per invocation), invocations,
        records_per_invocation, duration_ms (mean), latency_p50_s, latency_p99_s, iterator_age_max_s.
    costs
        Long: a row per view type and component of the bill: view_type, served (by all mappings), component, label,
        quantity, unit, unit_price_usd, usd, usd_per_month, usd_per_month_low, usd_per_month_high (ends of the interval;
        NaN for one replication). Made for `.pivot()`.
    totals
        A row per view type: served, usd_per_month with its interval, and above_cheapest: the difference to the cheapest
        that serves every mapping, with the interval of the paired differences; NaN for one that does not serve.
    replications, confidence
        Runs per view type, and what the intervals hold with.
    note
        Region, window and prices of the bills.
    """

    frame: pd.DataFrame
    costs: pd.DataFrame
    totals: pd.DataFrame
    replications: int
    confidence: float
    note: str

    @property
    def cheapest(self) -> str | None:
        """The cheapest view type that serves what every function needs; None if none does."""
        return _cheapest(self.totals)

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
    progress: bool = False,
    measured: Mapping[str, Measured] | None = None,
) -> ViewTypeComparison:
    """Run the same writes under all four view types, and say what each costs and whether it serves.

    Write units, and Lambda's reads of the stream, cost the same under each. What differs follows from the bytes: how
    full a batch can be, how long the handler takes (`Duration.per_kb_s`), how many GB-seconds that is; and from what
    the handler `needs`: a new image that the view type leaves out is read back from the table, record by record
    (`ReadBack`); an old one cannot be had at all.

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
    if not isinstance(replications, int) or isinstance(replications, bool) or replications < 1:
        raise ValueError(f"replications must be a whole number >= 1, got {replications!r}")
    bill = partial(Result.bill, region=region, month_hours=month_hours, free_tier=free_tier, price_list=price_list)
    runs = [
        _run_all(scenario, streams, progress, measured if number == 0 else None, bill)
        for number, streams in enumerate(_replicated(rng, replications))
    ]
    costs = _stacked_runs([{view_type: one.bill.frame[_COSTS] for view_type, one in known.items()} for known in runs])
    work = _stacked_runs([{view_type: one.work for view_type, one in known.items()} for known in runs])
    return ViewTypeComparison(
        frame=_means(work, ["view_type", "event_source_mapping", "served"]),
        costs=_costs(costs, scenario, confidence),
        totals=_totals(costs, scenario, confidence),
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


def _costs(runs: pd.DataFrame, scenario: Scenario, confidence: float) -> pd.DataFrame:
    by = ["view_type", "component", "label", "unit"]
    means = _means(runs, by)
    ends = mean_intervals(runs, "usd_per_month", by=by, confidence=confidence)
    means[["usd_per_month_low", "usd_per_month_high"]] = ends[["usd_per_month_low", "usd_per_month_high"]]
    means["served"] = [served_by_all(scenario, view_type) for view_type in means["view_type"]]
    order = ["view_type", "served", *_COSTS, "usd_per_month_low", "usd_per_month_high"]
    return means[order]


def _totals(runs: pd.DataFrame, scenario: Scenario, confidence: float) -> pd.DataFrame:
    """Return each view type's total, and its difference to the cheapest that serves, paired by replication."""
    sums = runs.groupby(["replication", "view_type"], sort=False)[["usd_per_month"]].sum().reset_index()
    totals = mean_intervals(sums, "usd_per_month", by=["view_type"], confidence=confidence)
    totals.insert(1, "served", [served_by_all(scenario, view_type) for view_type in totals["view_type"]])
    cheapest = _cheapest(totals)
    base = sums[sums["view_type"] == cheapest].set_index("replication")["usd_per_month"]
    sums["above_cheapest"] = sums["usd_per_month"] - sums["replication"].map(base)
    serving = sums[sums["view_type"].isin(totals.loc[totals["served"] != "not at all", "view_type"])]
    ends = mean_intervals(serving, "above_cheapest", by=["view_type"], confidence=confidence)
    return totals.merge(ends, on="view_type", how="left")


def _cheapest(totals: pd.DataFrame) -> str | None:
    serving = totals[totals["served"] != "not at all"].sort_values("usd_per_month", kind="stable")
    return None if serving.empty else str(serving["view_type"].iloc[0])


def served_by_all(scenario: Scenario, view_type: ViewType) -> Served:
    """Return how a view type serves all mappings: as the worst of them is served."""
    ways = {served(mapping.function.needs, view_type) for mapping in scenario.mappings}
    worst: tuple[Served, ...] = ("not at all", "by a read-back", "directly")
    return next(way for way in worst if way in ways)


def measure(result: Result, bill: Callable[[Result], Bill] = Result.bill) -> Measured:
    """Return what a comparison keeps of a run, billed in a given way; the run itself can then be dropped."""
    return Measured(_work(result), bill(result))


def _work(result: Result) -> pd.DataFrame:
    """Return what the work of each mapping was, after the warm-up."""
    latency = result.latency((0.5, 0.99)).set_index(["event_source_mapping", "quantile"])["latency_s"]
    keeping_up = {row.event_source_mapping: row for row in result.keeping_up().itertuples()}
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
                "record_bytes": numbers.record_bytes,
                "payload_bytes": numbers.payload_bytes,
                "invocations": numbers.invocations,
                "records_per_invocation": numbers.records_per_invocation,
                "duration_ms": numbers.duration_s * 1000.0,
                "latency_p50_s": latency.get((name, 0.5), np.nan),
                "latency_p99_s": latency.get((name, 0.99), np.nan),
                "iterator_age_max_s": numbers.iterator_age_max_s,
            }
        )
    return pd.DataFrame(rows)
