"""The same writes under each view type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from ddbsim.randomness import RandomStreams, Seed
from ddbsim.run import draw_writes, run
from ddbsim.scenario import VIEW_TYPES, Scenario

if TYPE_CHECKING:
    from ddbsim.analysis.bill import Bill
    from ddbsim.result import Result

__all__ = ["Measured", "ViewTypeComparison", "compare_view_types", "measure"]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a comparison keeps of one run: its work per mapping, and its bill."""

    work: pd.DataFrame
    bill: Bill


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ViewTypeComparison:
    """The same writes under each view type.

    Attributes
    ----------
    frame
        A row per view type and mapping: records, record_bytes (mean SizeBytes), payload_bytes (mean per invocation),
        invocations, records_per_invocation, duration_ms (mean), latency_p50_s, latency_p99_s, iterator_age_max_s.
    costs
        Long: a row per view type and component of the bill: view_type, component, label, quantity, unit,
        unit_price_usd, usd, usd_per_month. Made for `.pivot()`.
    note
        Region, window and prices of the bills.
    """

    frame: pd.DataFrame
    costs: pd.DataFrame
    note: str

    def usd_per_month(self) -> pd.DataFrame:
        """Return USD a month: a row per view type, a column per component, and the total."""
        table = self.costs.pivot(index="view_type", columns="label", values="usd_per_month").loc[list(VIEW_TYPES)]
        # AWS's order of components, not the alphabet's
        table = table[list(dict.fromkeys(self.costs["label"]))]
        table.columns.name = None
        return table.assign(total=table.sum(axis=1))

    def __str__(self) -> str:
        work = self.frame.set_index(["view_type", "event_source_mapping"]).round(3).T.to_string()
        costs = self.usd_per_month().round(2).T.to_string()
        return f"{work}\n\nUSD per month\n{costs}\n{self.note}"

    def _repr_html_(self) -> str:
        work = self.frame.set_index(["view_type", "event_source_mapping"]).round(3).T.to_html(border=0)
        costs = self.usd_per_month().round(2).T.to_html(border=0)
        return f"{work}<p><b>USD per month</b></p>{costs}<p>{self.note}</p>"


def compare_view_types(
    scenario: Scenario, *, rng: Seed = None, progress: bool = False, measured: Mapping[str, Measured] | None = None
) -> ViewTypeComparison:
    """Run the same writes under all four view types, and say what differs.

    Write units, and Lambda's reads of the stream, cost the same under each. What differs follows from the bytes:
    how full a batch can be, how long the handler takes (`Duration.per_kb_s`), how many GB-seconds that is.

    Parameters
    ----------
    scenario
        Its view type is replaced by each of the four.
    rng
        Seed or generator.
    progress
        Show a bar on simulated time for each run.
    measured
        What is known already of runs of this scenario and seed, by view type; see `measure`.

    Returns
    -------
    ViewTypeComparison

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C: parts of runs are not compared.

    Examples
    --------
    >>> import ddbsim as ds
    >>> comparison = compare_view_types(ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=30), rng=7)
    >>> comparison.frame["record_bytes"].round().tolist()
    [36.0, 1060.0, 1060.0, 2084.0]
    """
    streams = RandomStreams(rng)
    known = dict(measured or {})
    writes = None
    for view_type in VIEW_TYPES:
        if view_type not in known:
            writes = draw_writes(scenario, streams) if writes is None else writes
            stream = replace(scenario.stream, view_type=view_type)
            variant = replace(scenario, stream=stream, name=f"{scenario.name}, {view_type}")
            known[view_type] = measure(_whole(run(variant, writes, streams, progress=progress)))
    return ViewTypeComparison(
        frame=_stacked({view_type: known[view_type].work for view_type in VIEW_TYPES}),
        costs=_stacked({view_type: known[view_type].bill.frame[_COSTS] for view_type in VIEW_TYPES}),
        note=known[VIEW_TYPES[0]].bill.note,
    )


_COSTS = ["component", "label", "quantity", "unit", "unit_price_usd", "usd", "usd_per_month"]


def _whole(result: Result) -> Result:
    """Return a run that reached its end; KeyboardInterrupt goes on, for a part of a run compares with nothing."""
    if result.partial:
        raise KeyboardInterrupt
    return result


def _stacked(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(frames, names=["view_type"]).reset_index(level="view_type").reset_index(drop=True)


def measure(result: Result) -> Measured:
    """Return what a comparison keeps of a run; the run itself can then be dropped."""
    return Measured(_work(result), result.bill())


def _work(result: Result) -> pd.DataFrame:
    """Return what the work of each mapping was, after the warm-up."""
    warmup_s = result.scenario.warmup_s
    log = result.stream_log[result.stream_log["written_s"] >= warmup_s]
    ran = result.invocations
    ran = ran[(ran["outcome"] != "throttled") & (ran["started_s"] >= warmup_s)]
    latency = result.latency((0.5, 0.99)).set_index(["event_source_mapping", "quantile"])["latency_s"]
    rows = []
    for mapping in result.scenario.mappings:
        name = mapping.label
        mine, sent = log[log["event_source_mapping"] == name], ran[ran["event_source_mapping"] == name]
        rows.append(
            {
                "event_source_mapping": name,
                "records": len(mine),
                "record_bytes": mine["size_bytes"].mean(),
                "payload_bytes": sent["payload_bytes"].mean(),
                "invocations": len(sent),
                "records_per_invocation": sent["records"].mean(),
                "duration_ms": sent["duration_s"].mean() * 1000.0,
                "latency_p50_s": latency.get((name, 0.5)),
                "latency_p99_s": latency.get((name, 0.99)),
                "iterator_age_max_s": sent["iterator_age_s"].max(),
            }
        )
    return pd.DataFrame(rows)
