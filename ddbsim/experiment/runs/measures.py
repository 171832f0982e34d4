"""What an experiment keeps of one run: some numbers, a histogram of latencies, a series over time; never the frames."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.analysis.keeping_up import DOES_NOT, KEEPS_UP, TOO_SHORT, Verdict
from ddbsim.checks.wording import closest, shown

from .histogram import Histogram

if TYPE_CHECKING:
    from ddbsim.result.result import Result
    from ddbsim.scenario import EventSourceMapping

__all__ = [
    "FALLS_BEHIND",
    "METRICS",
    "QUANTILES",
    "SERIES_STEPS",
    "Measures",
    "Metric",
    "check_metric",
    "keeping_up_of",
    "measure",
]

Floats = npt.NDArray[np.float64]

QUANTILES: Final = {"latency_p50_s": 0.5, "latency_p95_s": 0.95, "latency_p99_s": 0.99, "latency_p999_s": 0.999}
SERIES_STEPS: Final = 500


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that each run has.

    Attributes
    ----------
    name, unit, meaning
        What it is.
    whole
        What the run's number is where there are several mappings: the "worst" of theirs, or their "sum", or "mean".
    least
        Whether less of it is better, so that a target can bound it from above.
    """

    name: str
    unit: str
    meaning: str
    whole: Literal["worst", "sum", "mean", "run"]
    least: bool = True


_ALL = (
    Metric("latency_mean_s", "s", "mean latency, written to completed", "worst"),
    Metric("latency_p50_s", "s", "median of the latency", "worst"),
    Metric("latency_p95_s", "s", "95th percentile of the latency", "worst"),
    Metric("latency_p99_s", "s", "99th percentile of the latency", "worst"),
    Metric("latency_p999_s", "s", "99.9th percentile of the latency", "worst"),
    Metric("lag_max_s", "s", "age of the oldest open record, at its worst", "worst"),
    Metric("iterator_age_max_s", "s", "CloudWatch's maximum IteratorAge", "worst"),
    Metric("falls_behind", "", "1: the backlog grows; 0: it keeps up; 0.5: the run is too short to tell", "worst"),
    Metric("processed_records", "records", "records processed", "sum", least=False),
    Metric("waiting_records", "records", "records still waiting when the run ended", "sum"),
    Metric("lost_records", "records", "records discarded or expired", "sum"),
    Metric("repeated_deliveries", "deliveries", "deliveries of records beyond their first", "sum"),
    Metric("lost_writes", "writes", "writes that clients gave up because the table refused them", "run"),
    Metric("write_throttles", "attempts", "attempts to write that the table refused", "run"),
    Metric("write_delay_p99_s", "s", "99th percentile of what throttling added before the table took a write", "run"),
    Metric("invocations", "invocations", "invocations that ran", "sum"),
    Metric("failed_invocations", "invocations", "those that ran and failed, wholly or in part", "sum"),
    Metric("throttles", "attempts", "attempts refused for want of concurrency", "sum"),
    Metric("too_large", "attempts", "attempts whose event was over 6 MB", "sum"),
    Metric("records_per_invocation", "records", "mean size of a batch", "mean", least=False),
    Metric("duration_mean_s", "s", "mean time in the handler", "mean"),
    Metric("utilization", "", "share of the lanes' time spent in invocations", "worst"),
    Metric("concurrency_mean", "environments", "mean number of invocations running", "sum"),
    Metric("usd_per_month", "USD", "the bill of a month that goes on like this", "run"),
    Metric("lambda_usd_per_month", "USD", "Lambda's part of that bill: what the settings can change", "run"),
)
METRICS: Final[dict[str, Metric]] = {metric.name: metric for metric in _ALL}


FALLS_BEHIND: Final[dict[str, float]] = {KEEPS_UP: 0.0, TOO_SHORT: 0.5, DOES_NOT: 1.0}


def keeping_up_of(falls_behind: npt.ArrayLike) -> Verdict:
    """Return the verdict of several runs from their metric `falls_behind`: that of most, the worse of two as many.

    Examples
    --------
    >>> keeping_up_of([0.0, 1.0, 0.0, 1.0]), keeping_up_of([0.0, 0.0, 0.5])
    ('does not keep up', 'keeps up')
    """
    values = np.asarray(falls_behind, dtype=np.float64)
    for verdict in (DOES_NOT, TOO_SHORT):
        if 2 * (values >= FALLS_BEHIND[verdict]).sum() >= len(values) > 0:
            return verdict
    return KEEPS_UP


def check_metric(where: str, name: str) -> str:
    """Return the name of a metric, or raise ValueError that lists them; "mapping.metric" is one mapping's own."""
    if not isinstance(name, str) or name.rsplit(".", 1)[-1] not in METRICS:
        near = closest(name, METRICS)
        raise ValueError(f"{where} must be one of {', '.join(METRICS)}, got {shown(name)}{near}")
    return name


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """What is kept of one run.

    Attributes
    ----------
    metrics
        Name -> value, all after the warm-up; with several mappings also "mapping.name" of each.
    latencies
        Histogram of the latency of processed records, of all mappings together.
    series
        Mean latency of the records written in each `SERIES_STEPS`th of the run, the warm-up included; NaN where none
        was processed.
    """

    metrics: dict[str, float]
    latencies: Histogram
    series: Floats


def measure(result: Result) -> Measures:
    """Return what an experiment keeps of a run."""
    log = result.stream_log[["event_source_mapping", "written_s", "completed_s", "deliveries", "outcome"]]
    verdicts = result.keeping_up().set_index("event_source_mapping")["verdict"]
    latencies = result.latency(tuple(QUANTILES.values()))
    own = {
        mapping.label: _of_mapping(result, mapping, log, verdicts[mapping.label], latencies)
        for mapping in result.scenario.mappings
    }
    metrics = _whole(own) | _table(result) | _costs(result)
    metrics = {name: metrics[name] for name in METRICS}
    if len(own) > 1:
        metrics |= {f"{label}.{name}": value for label, values in own.items() for name, value in values.items()}
    written_s = log["written_s"].to_numpy()
    latency_s = log["completed_s"].to_numpy() - written_s
    kept = latency_s[(written_s >= result.scenario.warmup_s) & ~np.isnan(latency_s)]
    return Measures(metrics, Histogram.of(kept), _series(written_s, latency_s, result.scenario.length_s))


def _table(result: Result) -> dict[str, float]:
    numbers = result.table_numbers()
    return {
        "lost_writes": float(numbers.lost),
        "write_throttles": float(numbers.throttles),
        "write_delay_p99_s": numbers.delay_p99_s,
    }


def _costs(result: Result) -> dict[str, float]:
    bill = result.bill()
    of_lambda = bill.frame["component"].str.startswith("lambda_")
    return {
        "usd_per_month": bill.usd_per_month,
        "lambda_usd_per_month": float(bill.frame.loc[of_lambda, "usd_per_month"].sum()),
    }


def _of_mapping(
    result: Result, mapping: EventSourceMapping, log: pd.DataFrame, verdict: Verdict, latencies: pd.DataFrame
) -> dict[str, float]:
    numbers = result.numbers(mapping)
    if len(result.scenario.mappings) > 1:
        log = log[log["event_source_mapping"] == mapping.label]
    log = log[log["written_s"] >= numbers.begin_s] if numbers.begin_s else log
    return {
        **_latencies(latencies[latencies["event_source_mapping"] == mapping.label], log, verdict),
        "lag_max_s": numbers.lag_max_s,
        "iterator_age_max_s": _known(numbers.iterator_age_max_s),
        "falls_behind": FALLS_BEHIND[verdict],
        "processed_records": float(numbers.records["processed"]),
        "waiting_records": float(numbers.records["waiting"]),
        "lost_records": float(numbers.lost),
        "repeated_deliveries": float(numbers.repeated_deliveries),
        "invocations": float(numbers.invocations),
        "failed_invocations": float(numbers.failed),
        "throttles": float(numbers.throttles),
        "too_large": float(numbers.too_large),
        "records_per_invocation": _known(numbers.records_per_invocation),
        "duration_mean_s": _known(numbers.duration_s),
        "utilization": numbers.utilization,
        "concurrency_mean": numbers.concurrency,
    }


def _known(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _latencies(told: pd.DataFrame, log: pd.DataFrame, verdict: Verdict) -> dict[str, float]:
    """Return the mean and the quantiles; infinity where they lie among what waits, 0 where nothing was written."""
    values = told["latency_s"].to_numpy() if len(told) else np.zeros(len(QUANTILES))
    latency_s = (log["completed_s"] - log["written_s"]).mean()
    mean = np.inf if verdict == DOES_NOT or (np.isnan(latency_s) and np.isinf(values).any()) else latency_s
    return {
        "latency_mean_s": float(np.nan_to_num(mean, posinf=np.inf)),
        **dict(zip(QUANTILES, np.nan_to_num(values, posinf=np.inf).tolist(), strict=True)),
    }


def _whole(own: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return the run's numbers from those of its mappings."""
    return dict(_joined(own))


def _joined(own: dict[str, dict[str, float]]) -> Iterator[tuple[str, float]]:
    sides = list(own.values())
    ran = sum(side["invocations"] for side in sides)
    for name in sides[0]:
        values = [side[name] for side in sides]
        if METRICS[name].whole == "worst":
            yield name, max(values)
        elif METRICS[name].whole == "sum":
            yield name, float(sum(values))
        else:
            total = sum(value * side["invocations"] for value, side in zip(values, sides, strict=True))
            yield name, total / ran if ran else 0.0


def _series(written_s: Floats, latency_s: Floats, length_s: float) -> Floats:
    done = ~np.isnan(latency_s)
    step = (written_s[done] * (SERIES_STEPS / length_s)).astype(np.int64)
    counts = np.bincount(step, minlength=SERIES_STEPS)[:SERIES_STEPS]
    sums = np.bincount(step, weights=latency_s[done], minlength=SERIES_STEPS)[:SERIES_STEPS]
    means = np.full(SERIES_STEPS, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means
