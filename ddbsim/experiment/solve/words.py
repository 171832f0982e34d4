"""The words for numbers that more than one answer tells: lengths of time, what grows without limit, unsure bills."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from ddbsim.analysis.keeping_up import DOES_NOT, TOO_SHORT, Verdict
from ddbsim.experiment.runs.measures import METRICS, keeping_up_of
from ddbsim.result.summary import GROWS

__all__ = ["UNBOUNDED", "amount", "bill", "difference", "doubts", "keeps_up", "processed_share", "span", "told"]

UNBOUNDED = "unbounded"
_OUTCOMES = ("processed_records", "waiting_records", "lost_records")
_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


def span(seconds: float) -> str:
    """Return a length of time in the unit that one would say it in.

    Examples
    --------
    >>> span(0.4321), span(512.0), span(86_326.2), span(math.inf)
    ('0.432 s', '8.53 min', '24 h', 'for ever')
    """
    if not math.isfinite(seconds):
        return "for ever"
    for unit_s, name in _UNITS:
        if abs(seconds) >= 2.0 * unit_s:
            return f"{seconds / unit_s:.3g} {name}"
    return f"{seconds:.3g} s"


def amount(metric: str, value: float) -> str:
    """Return a metric's value as text; an infinite one grows with every longer run.

    Examples
    --------
    >>> amount("latency_p99_s", math.inf), amount("invocations", 16_520.0)
    ('grows without limit', '16,520')
    """
    if math.isinf(value):
        return GROWS
    usd = METRICS[metric.rsplit(".", 1)[-1]].unit == "USD"
    return f"{value:,.2f}" if usd else f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"


def told(metric: str, value: float) -> str:
    """Return a metric and its value as a clause.

    Examples
    --------
    >>> told("latency_p99_s", math.inf), told("latency_p99_s", 2.119)
    ('latency_p99_s grows without limit', 'latency_p99_s is 2.119')
    """
    return f"{metric} {'' if math.isinf(value) else 'is '}{amount(metric, value)}"


def difference(metric: str, value: float) -> str:
    """Return the difference of a metric as text: unbounded where either side grows with every longer run."""
    if math.isnan(value):
        return "-"
    return UNBOUNDED if math.isinf(value) else amount(metric, value)


def keeps_up(runs: pd.DataFrame) -> Verdict:
    """Return whether a design keeps up, by its runs: a row each, with the metrics."""
    return keeping_up_of(runs["falls_behind"])


def processed_share(metrics: Mapping[str, float]) -> float:
    """Return the share of what was to be processed that was, by a run's metrics; 1 where there was nothing.

    Examples
    --------
    >>> processed_share({"processed_records": 30.0, "waiting_records": 60.0, "lost_records": 10.0})
    0.3
    """
    total = sum(float(metrics[name]) for name in _OUTCOMES)
    return float(metrics["processed_records"]) / total if total else 1.0


def bill(usd: float, verdict: Verdict, share: float) -> str:
    """Return a bill as text; that of a design that does not keep up is for less than all of the work.

    Examples
    --------
    >>> bill(547.62, "does not keep up", 0.44)
    'at least 547.62 USD: it processed 44 %'
    """
    told = f"{usd:,.2f} USD"
    return f"at least {told}: it processed {100.0 * share:.0f} %" if verdict == DOES_NOT else told


def doubts(named: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return a sentence for each design that does not keep up, or whose runs are too short to tell.

    Parameters
    ----------
    named
        Design -> its runs.
    """
    sentences = []
    for name, own in named.items():
        verdict = keeps_up(own)
        if verdict == DOES_NOT:
            share = processed_share({name: float(own[name].mean()) for name in _OUTCOMES})
            sentences.append(f"{name} does not keep up: {bill(float(own['usd_per_month'].mean()), verdict, share)}")
        elif verdict == TOO_SHORT:
            sentences.append(f"{name}: the runs are too short to tell whether it keeps up")
    return sentences
