"""Traces from files: a CSV of timestamps and counts, or what `aws cloudwatch get-metric-data` prints.

Of `get-metric-statistics` the answer is read too. What a file calls another metric than writes, or than the write units
that they consume, is refused by its name: ages, reads and durations look like counts.

CloudWatch leaves out periods in which nothing happened, and so do many exports. A trace has them back: the period is
the most common step between timestamps, every other step must be a multiple of it, and what lies between is filled by
a rule that the trace tells.
"""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from datetime import datetime, timedelta
from itertools import islice, pairwise
from typing import Any, NamedTuple

import numpy as np

from ddbsim.aws.cloudwatch import OTHER_STATISTICS, WRITE_UNITS, metric_in, statistic_in
from ddbsim.checks.arguments import checked
from ddbsim.checks.bounds import MOST_PERIODS, beyond, instant, is_number
from ddbsim.checks.texts import json_in, shown_path, text_in
from ddbsim.checks.wording import closest, shown
from ddbsim.workload.trace import Fill, Measure, Trace, TraceError

__all__ = ["read_cloudwatch_trace", "read_csv_trace", "read_trace"]


class _Point(NamedTuple):
    """A value, and where it was read."""

    at: datetime
    value: float
    where: str


class _Metric(NamedTuple):
    """One metric of a file: its id and label there, and the results that hold it."""

    name: str
    label: str
    pages: list[dict[str, Any]]


@checked
def read_trace(
    path: str | os.PathLike[str],
    *,
    fill: Fill | None = None,
    id: str | None = None,  # noqa: A002 - CloudWatch's name
    measures: Measure | None = None,
) -> Trace:
    """Return the trace in a CSV file or a CloudWatch JSON file, whichever it is by its content.

    Parameters
    ----------
    path
        The file.
    fill
        How to fill gaps. None: "linear" for CSV; "zero" for CloudWatch, where a missing sum means nothing happened.
    id
        Which metric of a CloudWatch file, by its `Id`. None: the only one, or the only one labelled
        ConsumedWriteCapacityUnits.
    measures
        What the file counts, "writes" or "write units". None: write units if it is labelled
        ConsumedWriteCapacityUnits, writes if it has a label of your own or none.

    Raises
    ------
    TraceError
        If the file cannot be read as a trace, or is labelled as another metric.
    """
    if _text(path).lstrip()[:1] in ("{", "["):
        return read_cloudwatch_trace(path, fill=fill or "zero", id=id, measures=measures)
    if id is not None:
        raise TraceError(f"{shown_path(path)}: id must be None for a CSV file, which has one metric, got {shown(id)}")
    return read_csv_trace(path, fill=fill or "linear", measures=measures or "writes")


@checked
def read_csv_trace(path: str | os.PathLike[str], *, fill: Fill = "linear", measures: Measure = "writes") -> Trace:
    """Return the trace in a CSV file with the columns `timestamp` and `value`; others are ignored.

    Parameters
    ----------
    path
        The file; its timestamps are ISO 8601 and ascend, those without an offset are taken as UTC.
    fill
        How to fill gaps: "linear" between the neighbours, "previous" or "zero".
    measures
        What it counts: "writes" or "write units".

    Raises
    ------
    TraceError
        If the file cannot be read as a trace.
    """
    file = shown_path(path)
    rows = csv.DictReader(_text(path).splitlines())
    points = []
    try:
        missing = [name for name in ("timestamp", "value") if name not in (rows.fieldnames or ())]
        if missing:
            raise TraceError(f"{file}: the columns must be timestamp, value, got {_names(rows.fieldnames)}")
        for row in rows:
            where = f"{file}, line {rows.line_num}"
            points.append(_Point(_instant(row["timestamp"], where), _count(row["value"], where), where))
    except csv.Error as error:
        raise TraceError(f"{file}, line {rows.line_num + 1}: the line cannot be read as CSV ({error})") from None
    for earlier, later in pairwise(points):
        if later.at < earlier.at:
            raise TraceError(f"{later.where}: timestamps must ascend, got {later.at} after {earlier.at}")
    return _trace_from(points, fill=fill, measures=measures, file=file)


@checked
def read_cloudwatch_trace(
    path: str | os.PathLike[str],
    *,
    fill: Fill = "zero",
    id: str | None = None,  # noqa: A002 - CloudWatch's name
    measures: Measure | None = None,
) -> Trace:
    """Return a metric in the JSON that `aws cloudwatch get-metric-data` or `get-metric-statistics` prints.

    Parameters
    ----------
    path
        The file. A metric that comes in several pages, as the command prints long ones, is put together.
    fill
        How to fill gaps: "zero", which is right for sums, "previous" or "linear".
    id
        Which metric, by its `Id`. None: the only one, or the only one labelled ConsumedWriteCapacityUnits.
    measures
        What it counts, "writes" or "write units", whatever its label. None: as the label says.

    Raises
    ------
    TraceError
        If the file cannot be read as a trace, is labelled as another metric or another statistic than the sum, or its
        data is not complete.
    """
    file = shown_path(path)
    answer = json_in(_text(path), file, TraceError)
    if isinstance(answer, dict) and "Datapoints" in answer:
        answer = {"MetricDataResults": [_as_result(answer, file)]}
    metric = _chosen(answer, id, file)
    counted = measures or _measure(metric, file)
    where = f"{file}, metric {shown(metric.name, 60)}"
    status = metric.pages[-1].get("StatusCode", "Complete")
    if status != "Complete":
        raise TraceError(f"{where}: StatusCode must be 'Complete', got {shown(status, 60)}")
    points = sorted((point for page in metric.pages for point in _points(page, where)), key=lambda point: point.at)
    return _trace_from(points, fill=fill, measures=counted, file=file)


def _points(page: dict[str, Any], where: str) -> list[_Point]:
    stamps, values = page.get("Timestamps", []), page.get("Values", [])
    if not isinstance(stamps, list) or not isinstance(values, list):
        raise TraceError(f"{where}: Timestamps and Values must be lists")
    if len(stamps) != len(values):
        raise TraceError(f"{where}: Values must be as many as Timestamps ({len(stamps)}), got {len(values)}")
    points = []
    for stamp, value in zip(stamps, values, strict=True):
        at = f"{where} at {shown(stamp, 40).strip(chr(39))}"
        points.append(_Point(_instant(stamp, at), _count(value, at), at))
    return points


def _as_result(answer: dict[str, Any], file: str) -> dict[str, Any]:
    """Return the answer of GetMetricStatistics in the form of GetMetricData: a label, instants and sums."""
    label, rows = str(answer.get("Label", "")), answer["Datapoints"]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TraceError(f"{file}: Datapoints must be a list of objects")
    for row in rows:
        if "Sum" not in row:
            found = ", ".join(name for name in OTHER_STATISTICS if name in row) or "none"
            raise TraceError(f"{file}: Datapoints must have the statistic Sum, which alone is a count, got {found}")
        if row.get("Unit", "Count") not in ("Count", "None"):
            raise TraceError(f"{file}: Datapoints must have the unit Count, got {shown(row['Unit'], 40)}")
    stamps, sums = [row.get("Timestamp") for row in rows], [row["Sum"] for row in rows]
    return {"Id": label or "Datapoints", "Label": label, "Timestamps": stamps, "Values": sums}


def _chosen(answer: Any, chosen: str | None, file: str) -> _Metric:
    """Return the chosen metric of a file, the only one, or the only one that is of write units."""
    results = answer.get("MetricDataResults") if isinstance(answer, dict) else None
    if not isinstance(results, list) or not all(isinstance(page, dict) and "Id" in page for page in results):
        raise TraceError(f"{file}: the JSON must be an object with a list MetricDataResults, each with an Id")
    metrics: dict[str, _Metric] = {}
    for page in results:
        name = str(page["Id"])
        metrics.setdefault(name, _Metric(name, str(page.get("Label", "")), [])).pages.append(page)
    if chosen is None:
        of_writes = [one for one in metrics.values() if metric_in(one.label) == WRITE_UNITS]
        found = list(metrics.values()) if len(metrics) == 1 else of_writes
    else:
        found = [one for one in metrics.values() if one.name == chosen]
    if len(found) != 1:
        raise TraceError(
            f"{file}: id must be one of the metrics in the file ({_told(metrics)}), got {shown(chosen)}"
            f"{closest(chosen, metrics) or ': give the one of writes as id='}"
        )
    return found[0]


def _told(metrics: dict[str, _Metric]) -> str:
    """Return the first metrics by their ids, each with its label where labels differ."""
    differ = len({metric.label for metric in metrics.values()}) > 1
    named = [
        f"{shown(metric.name, 60)}{f' for {shown(metric.label, 60)}' if differ else ''}"
        for metric in islice(metrics.values(), 12)
    ]
    return ", ".join(named) or "no metric"


def _measure(metric: _Metric, file: str) -> Measure:
    """Return what a metric counts by its label, which may name none that is known."""
    name, statistic = metric_in(metric.label), statistic_in(metric.label)
    if name not in (None, WRITE_UNITS):
        raise TraceError(
            f"{file}: a trace must be of writes, or of {WRITE_UNITS}, got {name} (metric {shown(metric.name, 60)}); "
            "if its values count writes all the same, say measures='writes'"
        )
    if name == WRITE_UNITS and statistic is not None:
        raise TraceError(f"{file}: {WRITE_UNITS} must be the Sum of each period, got its {statistic}")
    return "writes" if name is None else "write units"


def _trace_from(points: list[_Point], *, fill: Fill, measures: Measure, file: str) -> Trace:
    """Return the trace of points in the order of time, its gaps filled; TraceError if they have no common period."""
    if len(points) < 2:
        raise TraceError(f"{file}: a trace must have two rows or more, to tell its period, got {len(points)}")
    for earlier, later in pairwise(points):
        if later.at == earlier.at:
            raise TraceError(f"{later.where}: timestamps must differ, got {later.at} twice")
    period = _period([later.at - earlier.at for earlier, later in pairwise(points)])
    rows = _rows(points, period)
    return Trace(
        start=points[0].at.isoformat(),
        period_s=period.total_seconds(),
        counts=_filled(rows, [point.value for point in points], fill),
        gaps=tuple(
            ((points[i].at + period).isoformat(), later - earlier - 1)
            for i, (earlier, later) in enumerate(pairwise(rows))
            if later - earlier > 1
        ),
        filled_by=fill,
        measures=measures,
    )


def _rows(points: list[_Point], period: timedelta) -> list[int]:
    """Return the period that each point is of, counted from the first."""
    rows = [0]
    for earlier, later in pairwise(points):
        periods, left_over = divmod(later.at - earlier.at, period)
        if left_over:
            raise TraceError(
                f"{later.where}: mixed periods: steps must be multiples of {period.total_seconds():g} s,"
                f" the most common one, got {(later.at - earlier.at).total_seconds():g} s"
            )
        rows.append(rows[-1] + periods)
        if rows[-1] >= MOST_PERIODS:
            raise TraceError(
                f"{later.where}: a trace must have at most {MOST_PERIODS:,} periods, gaps included, and of"
                f" {period.total_seconds():g} s each it has {rows[-1] + 1:,} by then"
            )
    return rows


def _period(steps: list[timedelta]) -> timedelta:
    """Return the most common step, the shortest of equally common ones."""
    common = Counter(steps)
    return min(common, key=lambda step: (-common[step], step))


def _filled(rows: list[int], counts: list[float], fill: Fill) -> tuple[float, ...]:
    wanted = np.arange(rows[-1] + 1)
    if fill == "linear":
        return tuple(np.interp(wanted, rows, counts).tolist())
    if fill == "previous":
        return tuple(np.asarray(counts)[np.searchsorted(rows, wanted, side="right") - 1].tolist())
    filled = np.zeros(len(wanted))
    filled[rows] = counts
    return tuple(filled.tolist())


def _text(path: str | os.PathLike[str]) -> str:
    return text_in(path, "a trace", TraceError)


def _names(found: Any) -> str:
    """Return a file's columns if they look like names; of a file that is no table nothing is repeated."""
    names = [str(name) for name in found or ()]
    if not names:
        return "none"
    if len(names) > 20 or not all(re.fullmatch(r"[\w .-]{1,40}", name) for name in names):
        return "a first line without names"
    return ", ".join(names)


def _instant(stamp: Any, where: str) -> datetime:
    text = stamp.strip() if isinstance(stamp, str) else stamp
    return instant(f"{where}: a timestamp", text, words="ISO 8601 such as 2026-01-31T09:05:00Z", kind=TraceError)


def _count(value: Any, where: str) -> float:
    count: Any = value
    if isinstance(value, str):
        try:
            count = float(value)
        except ValueError:
            count = None
    if not is_number(count, low=0.0):
        rule = f"a value must be a finite number >= 0{beyond(count, low=0.0)}"
        raise TraceError(f"{where}: {rule}, got {shown(value, 40)}")
    return float(count)
