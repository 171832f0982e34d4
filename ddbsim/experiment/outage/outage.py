"""A run in which a mapping is disabled for a while, and what is kept of it: when it was well again, how late it got.

Nothing is lost in such a run: the stream keeps its records as long as the service can, and the mapping gives up none
for its age. When records of the forecast are lost is told from how late the first of them are.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.aws import limits
from ddbsim.distributions import as_distribution
from ddbsim.experiment.runs.histogram import Histogram
from ddbsim.experiment.runs.measures import SERIES_STEPS, Measures
from ddbsim.experiment.solve.causes import limit_in_words
from ddbsim.experiment.solve.screening import design_limits
from ddbsim.experiment.solve.stretches import table_rows
from ddbsim.experiment.vary.fields import mapping_of
from ddbsim.scenario import EventSourceMapping, Scenario, Suspension, without_setting_warnings

if TYPE_CHECKING:
    from ddbsim.result.result import Result

__all__ = [
    "activation_mean_s",
    "affordable_s",
    "after_outage",
    "draining_limit",
    "expiry_age_s",
    "lag_series",
    "length_with_outage_s",
    "load_of",
    "outage_start_s",
    "well_again_s",
    "with_outage",
]

Floats = npt.NDArray[np.float64]

_MOST_WRITES = 400_000.0
_SETTLED_S = 30.0
_ROOM = 2.0
_SHORTEST_S = 60.0
_SERIES = ("seconds_behind", "iterator_age_s")
# a filter whose share is not known may let through anything: the run is made as long as for lanes this full
_UNKNOWN_LOAD = 0.9
_HOT = 2.0


def expiry_age_s(scenario: Scenario, label: str) -> float:
    """Return the age at which a waiting record is lost: by the stream's retention, or by its mapping's age limit."""
    age_s = mapping_of(scenario, label).maximum_record_age_in_seconds
    return min(scenario.stream.retention_s, math.inf if age_s < 0 else float(age_s))


def load_of(scenario: Scenario, label: str) -> float:
    """Return the heaviest load of a mapping by the closed form; of its lanes, that of the hottest item's."""
    mapping = mapping_of(scenario, label)
    share = mapping.filter_match_fraction
    with without_setting_warnings():
        unfiltered = replace(mapping, filter_criteria=(), filter_match_fraction=None)
    rows = design_limits(replace(scenario, event_source_mappings=unfiltered))
    limits_of = rows.drop(table_rows(rows).index).set_index("limit")["load"]
    limits_of = limits_of.drop("hottest item", errors="ignore")
    lanes = scenario.table.initial_partitions * mapping.parallelization_factor
    # the lane that has the hottest item has its fair part of the others too
    hottest = limits_of["lanes"] * (1.0 + (lanes - 1) * scenario.workload.hottest_share)
    sent = float(max(limits_of.drop("reads").max(), hottest)) * (1.0 if share is None else share)
    if mapping.filter_criteria and share is None:
        sent = min(sent, _UNKNOWN_LOAD)
    return max(sent, float(limits_of["reads"]))


def draining_limit(scenario: Scenario, label: str) -> str:
    """Return what keeps a mapping from draining faster, in words: the heaviest of its limits."""
    mapping = mapping_of(scenario, label)
    rows = design_limits(replace(scenario, event_source_mappings=mapping))
    own = rows.drop(table_rows(rows).index)
    item = own["limit"] == "hottest item"
    lanes = scenario.table.initial_partitions * mapping.parallelization_factor
    # one lane has more than twice its fair part, for one item
    hot = lanes > 1 and 1.0 + (lanes - 1) * scenario.workload.hottest_share > _HOT and item.any()
    return limit_in_words(own[item if hot else ~item].iloc[0])


def activation_mean_s(scenario: Scenario, label: str) -> float:
    """Return how long a mapping takes to begin again on average, seconds."""
    return as_distribution(mapping_of(scenario, label).poller.activation_delay).mean


def affordable_s(outage_s: float, rate: float, load: float, scenario: Scenario, label: str) -> float:
    """Return the longest outage that can be simulated to its end, up to the one asked for, seconds."""
    # half of what the service keeps: beyond, records could be lost while the mapping is getting ready
    outage_s = min(outage_s, limits.RETENTION_S.value / 2.0)
    away_s = (_MOST_WRITES / rate - scenario.warmup_s - 3.0 * _SETTLED_S) / _each_s(load)
    return min(outage_s, max(away_s - _activation_s(mapping_of(scenario, label)), _SHORTEST_S))


def _each_s(load: float) -> float:
    """Return how long a run must be for each second of an outage, seconds."""
    return 1.0 + _ROOM * load / (1.0 - load)


def _activation_s(mapping: EventSourceMapping) -> float:
    """Return how long a mapping takes to begin again, seconds; hardly ever longer."""
    delay = as_distribution(mapping.poller.activation_delay)
    return delay.mean + 3.0 * math.sqrt(delay.var)


def outage_start_s(scenario: Scenario) -> float:
    """Return when the outage begins, seconds."""
    return scenario.warmup_s + _SETTLED_S


def with_outage(scenario: Scenario, label: str, outage_s: float, load: float, longest_s: float) -> Scenario:
    """Return the scenario with a mapping disabled for a while, and long enough to see the longest outage drain.

    That outage is the only event in the life of the mappings, and nothing is lost for its age.
    """
    start_s = outage_start_s(scenario)
    away = Suspension(start_s=start_s, end_s=start_s + outage_s)
    with without_setting_warnings():
        mappings = [replace(one, created_s=None, suspensions=()) for one in scenario.mappings]
        stopped = tuple(
            replace(one, suspensions=away, maximum_record_age_in_seconds=-1) if one.label == label else one
            for one in mappings
        )
    longer = scenario.until(length_with_outage_s(scenario, label, longest_s, load))
    stream = replace(longer.stream, retention_s=limits.RETENTION_S.value)
    return replace(longer, event_source_mappings=stopped, stream=stream)


def length_with_outage_s(scenario: Scenario, label: str, outage_s: float, load: float) -> float:
    """Return how long a run must be to see an outage drain, seconds."""
    away_s = outage_s + _activation_s(mapping_of(scenario, label))
    return outage_start_s(scenario) + away_s * _each_s(load) + 2.0 * _SETTLED_S


def after_outage(result: Result) -> Measures:
    """Return what an outage did: the measures of the mapping that was down.

    The series are the age of the oldest open record and CloudWatch's IteratorAge, of the worst shard.
    """
    (mapping,) = [one for one in result.scenario.mappings if one.suspensions]
    (away,) = mapping.planned_suspensions
    log = _open(result, mapping.label)
    excess_latency_s = (log["completed_s"] - log["written_s"]).to_numpy()
    metrics = {
        "drain_s": well_again_s(result, mapping.label, away.start_s, away.end_s) - away.end_s,
        # the time away comes on top of this, however long it is
        "excess_latency_s": float(np.nanmax(excess_latency_s, initial=0.0)) - (away.end_s - away.start_s),
    }
    lag = result.lag(every_s=result.scenario.length_s / SERIES_STEPS)
    worst = lag[lag["event_source_mapping"] == mapping.label].groupby("at_s")[list(_SERIES)].max()
    return Measures(metrics, Histogram.of(np.zeros(0)), worst.to_numpy().T.ravel())


def _open(result: Result, label: str) -> pd.DataFrame:
    """Return a mapping's records that leave a gap behind them: not what is passed over or given up."""
    log = result.stream_log
    mine: pd.DataFrame = log[(log["event_source_mapping"] == label) & log["outcome"].isin(("processed", "waiting"))]
    return mine


def well_again_s(result: Result, label: str, start_s: float, end_s: float) -> float:
    """Return when no shard of a mapping is further behind than before an outage, seconds; infinity if never."""
    log = _open(result, label)
    written_s, completed_s = log["written_s"].to_numpy(), log["completed_s"].to_numpy()
    before = (written_s >= result.scenario.warmup_s) & (completed_s < start_s)
    usual_s = float((completed_s - written_s)[before].max(initial=0.0))
    well_s = [
        _well_again_s(written_s[rows], completed_s[rows], end_s, usual_s)
        for rows in log.groupby("shard_id", observed=True).indices.values()
    ]
    return max(well_s, default=end_s)


def _well_again_s(written_s: Floats, completed_s: Floats, end_s: float, usual_s: float) -> float:
    """Return when a shard's oldest open record is first no older than usual after an outage; infinity if never.

    The age of the oldest open record falls when a record is settled and all before it are: those instants are enough.
    """
    settled_s = np.maximum.accumulate(np.where(np.isnan(completed_s), np.inf, completed_s))
    if settled_s[-1] < end_s:
        return end_s  # nothing came in the meantime
    settled_s = settled_s[np.isfinite(settled_s)]
    following_s = np.append(written_s[1:], np.inf)[: len(settled_s)]
    well = np.flatnonzero((settled_s >= end_s) & (settled_s - following_s <= usual_s))
    return float(settled_s[well[0]]) if len(well) else math.inf


def lag_series(runs: list[Measures], scenario: Scenario) -> pd.DataFrame:
    """Return how far behind the worst shard was, from the begin of the outage on, mean over replications.

    Parameters
    ----------
    runs
        Of `after_outage`; there may be none.
    scenario
        What they ran.
    """
    if not runs:
        return pd.DataFrame({name: [] for name in ("at_s", *_SERIES)})
    both = [run.series.reshape(len(_SERIES), -1) for run in runs]
    at_s = np.arange(1, both[0].shape[1] + 1) * (scenario.length_s / SERIES_STEPS) - outage_start_s(scenario)
    means = {name: pd.DataFrame([one[row] for one in both]).mean() for row, name in enumerate(_SERIES)}
    frame = pd.DataFrame({"at_s": at_s, **means})
    return frame[frame["at_s"] >= 0.0].reset_index(drop=True)
