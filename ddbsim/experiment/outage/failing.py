"""A run in which a consumer fails for a while, though it is there: what is lost meanwhile, and when it is well again.

A mapping that is disabled tries nothing and gives nothing up. One whose function fails uses up its retries, and with a
bounded number of them it gives records up as long as it fails.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ddbsim.analysis.intervals import mean_interval
from ddbsim.experiment.runs.histogram import Histogram
from ddbsim.experiment.runs.measures import Measures
from ddbsim.experiment.vary.fields import mapping_of
from ddbsim.scenario import Outage, Scenario, without_setting_warnings

from .outage import expiry_age_s, length_with_outage_s, outage_start_s, well_again_s

if TYPE_CHECKING:
    from ddbsim.result.result import Result

__all__ = ["COLUMNS", "after_failing", "failing_row", "with_failing"]

COLUMNS = [
    "lever",
    "drain_s",
    "low",
    "high",
    "lost_per_hour",
    "lost_low",
    "lost_high",
    "lost_records",
    "first_loss_s",
    "replications",
]
_HOUR_S = 3_600.0


def with_failing(scenario: Scenario, label: str, outage_s: float, load: float) -> Scenario:
    """Return the scenario with a function that fails for a while, and long enough to see it well again.

    The function fails wherever it is used: it is the function that is down. That is the only outage, and no mapping is
    disabled.
    """
    start_s = outage_start_s(scenario)
    down = Outage(start_s=start_s, end_s=start_s + outage_s)
    name = mapping_of(scenario, label).function.name
    with without_setting_warnings():
        mappings = [replace(one, created_s=None, suspensions=()) for one in scenario.mappings]
        failing = tuple(
            replace(one, function=replace(one.function, failures=replace(one.function.failures, outages=down)))
            if one.function.name == name
            else one
            for one in mappings
        )
    # so that the measure knows which is meant
    failing = tuple(sorted(failing, key=lambda one: one.label != label))
    longer = scenario.until(length_with_outage_s(scenario, label, outage_s, load))
    return replace(longer, event_source_mappings=failing)


def after_failing(result: Result) -> Measures:
    """Return what a failing function did to the first mapping."""
    mapping = result.scenario.mappings[0]
    (down,) = mapping.function.failures.windows
    lost = result.discards
    lost = lost[(lost["event_source_mapping"] == mapping.label) & (lost["discarded_s"] >= down.start_s)]
    # its begin is not typical: batches are small before a backlog has come
    middle_s = (down.start_s + down.end_s) / 2.0
    late = lost["records"].where((lost["discarded_s"] >= middle_s) & (lost["discarded_s"] < down.end_s), 0).sum()
    written_s = result.stream_log.loc[result.stream_log["event_source_mapping"] == mapping.label, "written_s"]
    metrics = {
        "drain_s": well_again_s(result, mapping.label, down.start_s, down.end_s) - down.end_s,
        "lost_records": float(lost["records"].sum()),
        "lost_per_s": float(late) / (down.end_s - middle_s),
        "offered_per_s": float(written_s.between(down.start_s, down.end_s).sum()) / (down.end_s - down.start_s),
        "first_loss_s": float(lost["discarded_s"].min()) - down.start_s if len(lost) else math.inf,
    }
    return Measures(metrics, Histogram.of(np.zeros(0)), np.zeros(0))


def failing_row(
    name: str, scenario: Scenario, label: str, runs: Sequence[Measures], lengths: tuple[float, float], confidence: float
) -> dict[str, float | str]:
    """Return the forecast for a consumer that fails: a row with `COLUMNS`.

    Parameters
    ----------
    name
        Of the lever.
    scenario, label
        What was run, as it is, and which mapping of it is meant.
    runs
        Of `after_failing`.
    lengths
        The outage asked for and the one simulated; beyond that, records are lost at the rate of its second half.
    confidence
        Of the intervals.
    """
    own_s = expiry_age_s(scenario, label)
    outage_s, simulated_s = lengths
    values = {key: np.array([one.metrics[key] for one in runs]) for key in runs[0].metrics}
    rate = mean_interval(values["lost_per_s"] * _HOUR_S, confidence)
    drained = mean_interval(values["drain_s"], confidence)
    seen = values["first_loss_s"][np.isfinite(values["first_loss_s"])]
    # what no run lost is kept until the stream, or the mapping's age limit, takes it
    first_s = float(seen.mean()) if len(seen) else own_s
    beyond = values["lost_per_s"] if len(seen) else values["offered_per_s"]
    more_s = max(outage_s - (simulated_s if len(seen) else max(simulated_s, own_s)), 0.0)
    return {
        "lever": name,
        "drain_s": drained.mean,
        "low": max(drained.low, 0.0),
        "high": drained.high,
        "lost_per_hour": rate.mean,
        "lost_low": max(rate.low, 0.0),
        "lost_high": rate.high,
        "lost_records": float((values["lost_records"] + beyond * more_s).mean()),
        "first_loss_s": first_s,
        "replications": len(runs),
    }
