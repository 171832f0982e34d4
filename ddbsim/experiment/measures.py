"""What an experiment keeps of one run: some numbers, a histogram of latencies, a series over time; never the frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.analysis import latency as _latency
from ddbsim.analysis.utilization import busy_share

from .histogram import Histogram

if TYPE_CHECKING:
    from ddbsim.result import Result
    from ddbsim.scenario import EventSourceMapping

__all__ = ["METRICS", "QUANTILES", "SERIES_STEPS", "Measures", "Metric", "check_metric", "measure"]

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
    Metric("processed_records", "records", "records processed", "sum", least=False),
    Metric("waiting_records", "records", "records still waiting when the run ended", "sum"),
    Metric("lost_records", "records", "records discarded or expired", "sum"),
    Metric("repeated_deliveries", "deliveries", "deliveries of records beyond their first", "sum"),
    Metric("invocations", "invocations", "invocations that ran", "sum"),
    Metric("failed_invocations", "invocations", "those that raised, timed out or failed in part", "sum"),
    Metric("throttles", "attempts", "attempts refused for want of concurrency", "sum"),
    Metric("records_per_invocation", "records", "mean size of a batch", "mean", least=False),
    Metric("duration_mean_s", "s", "mean time in the handler", "mean"),
    Metric("utilization", "", "share of the lanes' time spent in invocations", "worst"),
    Metric("concurrency_mean", "environments", "mean number of invocations running", "sum"),
    Metric("usd_per_month", "USD", "the bill of a month that goes on like this", "run"),
    Metric("lambda_usd_per_month", "USD", "Lambda's part of that bill: what the settings can change", "run"),
)
METRICS: Final[dict[str, Metric]] = {metric.name: metric for metric in _ALL}


def check_metric(where: str, name: str) -> str:
    """Return the name of a metric, or raise ValueError that lists them; "mapping.metric" is one mapping's own."""
    if not isinstance(name, str) or name.rsplit(".", 1)[-1] not in METRICS:
        raise ValueError(f"{where} must be one of {', '.join(METRICS)}, got {name!r}")
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
    own = {mapping.label: _of_mapping(result, mapping, log) for mapping in result.scenario.mappings}
    metrics = _whole(own) | _costs(result)
    metrics = {name: metrics[name] for name in METRICS}
    if len(own) > 1:
        metrics |= {f"{label}.{name}": value for label, values in own.items() for name, value in values.items()}
    written_s = log["written_s"].to_numpy()
    latency_s = log["completed_s"].to_numpy() - written_s
    kept = latency_s[(written_s >= result.scenario.warmup_s) & ~np.isnan(latency_s)]
    return Measures(metrics, Histogram.of(kept), _series(written_s, latency_s, result.scenario.length_s))


def _costs(result: Result) -> dict[str, float]:
    bill = result.bill()
    of_lambda = bill.frame["component"].str.startswith("lambda_")
    return {
        "usd_per_month": bill.usd_per_month,
        "lambda_usd_per_month": float(bill.frame.loc[of_lambda, "usd_per_month"].sum()),
    }


def _of_mapping(result: Result, mapping: EventSourceMapping, log: pd.DataFrame) -> dict[str, float]:
    scenario, warmup_s = result.scenario, result.scenario.warmup_s
    if len(scenario.mappings) > 1:
        log = log[log["event_source_mapping"] == mapping.label]
    if warmup_s > 0:
        log = log[log["written_s"] >= warmup_s]
    sent = result.invocations
    sent = sent[(sent["event_source_mapping"] == mapping.label) & (sent["started_s"] >= warmup_s)]
    ran = sent[sent["outcome"] != "throttled"]
    outcomes = log["outcome"].value_counts()
    deliveries = log["deliveries"].to_numpy()
    lanes = scenario.table.partitions * mapping.parallelization_factor
    utilization = _busy(ran, lanes, warmup_s, result.ended_s)
    return {
        **_latencies(log, result.ended_s),
        "lag_max_s": _oldest(result, mapping, log),
        "iterator_age_max_s": _most(ran["iterator_age_s"]),
        "processed_records": float(outcomes.get("processed", 0)),
        "waiting_records": float(outcomes.get("waiting", 0)),
        "lost_records": float(outcomes.get("discarded", 0) + outcomes.get("expired", 0)),
        "repeated_deliveries": float(np.maximum(deliveries - 1, 0).sum()),
        "invocations": float(len(ran)),
        "failed_invocations": float(ran["outcome"].isin(("error", "timeout", "partial")).sum()),
        "throttles": float(len(sent) - len(ran)),
        "records_per_invocation": float(ran["records"].mean()) if len(ran) else 0.0,
        "duration_mean_s": float(np.nan_to_num(ran["duration_s"].mean())),
        "utilization": utilization,
        "concurrency_mean": utilization * lanes,
    }


def _busy(ran: pd.DataFrame, lanes: int, warmup_s: float, ended_s: float) -> float:
    return busy_share(ran.assign(started_s=ran["started_s"] - warmup_s), lanes, ended_s - warmup_s)


def _latencies(log: pd.DataFrame, ended_s: float) -> dict[str, float]:
    """Return the mean and the quantiles; infinity where so much was still waiting that they cannot be told."""
    told = _latency.quantiles(log, tuple(QUANTILES.values()), ended_s=ended_s)
    values = told["latency_s"].to_numpy() if len(told) else np.full(len(QUANTILES), np.nan)
    latency_s = (log["completed_s"] - log["written_s"]).mean()
    silent = not len(told) or not int(told["waiting"].iloc[0] + told["records"].iloc[0])
    # nothing written is no delay at all; nothing processed of what was written is one without end
    missing = 0.0 if silent else np.inf
    quantiles = dict(zip(QUANTILES, np.where(np.isnan(values), missing, values).tolist(), strict=True))
    return {"latency_mean_s": missing if np.isnan(latency_s) else float(latency_s), **quantiles}


def _oldest(result: Result, mapping: EventSourceMapping, log: pd.DataFrame) -> float:
    """Return the greatest age that a record reached before it was settled."""
    if log["outcome"].isin(("discarded", "expired", "filtered")).any():
        # when a record was given up stands by ranges of them: the series of the lag knows
        lag = result.lag()
        mine = lag[(lag["event_source_mapping"] == mapping.label) & (lag["at_s"] >= result.scenario.warmup_s)]
        return _most(mine["seconds_behind"])
    settled = np.minimum(np.nan_to_num(log["completed_s"].to_numpy(), nan=np.inf), result.ended_s)
    return float(np.max(settled - log["written_s"].to_numpy(), initial=0.0))


def _most(values: pd.Series[float]) -> float:
    return float(np.nan_to_num(values.max())) if len(values) else 0.0


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
