"""Traces from files: a CSV of timestamps and counts, or what `aws cloudwatch get-metric-data` prints.

CloudWatch leaves out periods in which nothing happened, and so do many exports. A trace has them back: the period is
the most common step between timestamps, every other step must be a multiple of it, and what lies between is filled by
a rule that the trace tells.
"""

from __future__ import annotations

import csv
import json
import math
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ddbsim.workload.trace import FILLS, Fill, Trace, TraceError

__all__ = ["read_cloudwatch_trace", "read_csv_trace", "read_trace"]


class _Point(NamedTuple):
    """A value, and where it was read."""

    at: datetime
    value: float
    where: str


def read_trace(path: str | os.PathLike[str], *, fill: Fill | None = None) -> Trace:
    """Return the trace in a CSV file or a CloudWatch JSON file, whichever it is by its content.

    Parameters
    ----------
    path
        The file.
    fill
        How to fill gaps. None: "linear" for CSV; "zero" for CloudWatch, where a missing sum means nothing happened.

    Raises
    ------
    TraceError
        If the file cannot be read as a trace.
    """
    if _text(path).lstrip()[:1] in ("{", "["):
        return read_cloudwatch_trace(path, fill=fill or "zero")
    return read_csv_trace(path, fill=fill or "linear")


def read_csv_trace(path: str | os.PathLike[str], *, fill: Fill = "linear") -> Trace:
    """Return the trace in a CSV file with the columns `timestamp` and `value`; others are ignored.

    Parameters
    ----------
    path
        The file; its timestamps are ISO 8601 and ascend, those without an offset are taken as UTC.
    fill
        How to fill gaps: "linear" between the neighbours, "previous" or "zero".

    Raises
    ------
    TraceError
        If the file cannot be read as a trace.
    """
    rows = csv.DictReader(_text(path).splitlines())
    missing = [name for name in ("timestamp", "value") if name not in (rows.fieldnames or ())]
    if missing:
        found = ", ".join(rows.fieldnames or ()) or "none"
        raise TraceError(f"{path}: the columns must be timestamp, value, got {found}")
    points = []
    for row in rows:
        where = f"{path}, line {rows.line_num}"
        points.append(_Point(_instant(row["timestamp"], where), _count(row["value"], where), where))
    for earlier, later in pairwise(points):
        if later.at < earlier.at:
            raise TraceError(f"{later.where}: timestamps must ascend, got {later.at} after {earlier.at}")
    return _trace_from(points, fill=fill, path=path)


def read_cloudwatch_trace(path: str | os.PathLike[str], *, fill: Fill = "zero", id: str | None = None) -> Trace:  # noqa: A002 - CloudWatch's name
    """Return a metric in the JSON that `aws cloudwatch get-metric-data` prints.

    Parameters
    ----------
    path
        The file. A metric that comes in several pages, as the command prints long ones, is put together.
    fill
        How to fill gaps: "zero", which is right for sums, "previous" or "linear".
    id
        Which metric, by its `Id`; needed if there are several.

    Raises
    ------
    TraceError
        If the file cannot be read as a trace, or its data is not complete.
    """
    pages = _pages(path, id)
    name = pages[-1]["Id"]
    status = pages[-1].get("StatusCode", "Complete")
    if status != "Complete":
        raise TraceError(f"{path}, metric {name!r}: StatusCode must be 'Complete', got {status!r}")
    points = []
    for page in pages:
        stamps, values = page.get("Timestamps", []), page.get("Values", [])
        if len(stamps) != len(values):
            raise TraceError(
                f"{path}, metric {name!r}: Values must be as many as Timestamps ({len(stamps)}), got {len(values)}"
            )
        for stamp, value in zip(stamps, values, strict=True):
            where = f"{path}, metric {name!r} at {stamp}"
            points.append(_Point(_instant(stamp, where), _count(value, where), where))
    return _trace_from(sorted(points, key=lambda point: point.at), fill=fill, path=path)


def _trace_from(points: list[_Point], *, fill: Fill, path: str | os.PathLike[str]) -> Trace:
    """Return the trace of points in the order of time, its gaps filled; TraceError if they have no common period."""
    if fill not in FILLS:
        raise TraceError(f"fill must be one of {', '.join(FILLS)}, got {fill!r}")
    if len(points) < 2:
        raise TraceError(f"{path}: a trace must have two rows or more, to tell its period, got {len(points)}")
    for earlier, later in pairwise(points):
        if later.at == earlier.at:
            raise TraceError(f"{later.where}: timestamps must differ, got {later.at} twice")
    period = _period([later.at - earlier.at for earlier, later in pairwise(points)])
    rows = [0]
    for earlier, later in pairwise(points):
        periods, left_over = divmod(later.at - earlier.at, period)
        if left_over:
            raise TraceError(
                f"{later.where}: mixed periods: steps must be multiples of {period.total_seconds():g} s,"
                f" the most common one, got {(later.at - earlier.at).total_seconds():g} s"
            )
        rows.append(rows[-1] + periods)
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
    )


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
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise TraceError(f"{path}: a trace must be a readable UTF-8 text file, got: {reason}") from error


def _pages(path: str | os.PathLike[str], chosen: str | None) -> list[dict[str, Any]]:
    """Return the results of the chosen metric, or of the only one."""
    try:
        answer = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise TraceError(f"{path}, line {error.lineno}: the file must be JSON, got: {error.msg}") from error
    results = answer.get("MetricDataResults") if isinstance(answer, dict) else None
    if not isinstance(results, list) or not all(isinstance(page, dict) and "Id" in page for page in results):
        raise TraceError(f"{path}: the JSON must be an object with a list MetricDataResults, each with an Id")
    ids = list(dict.fromkeys(page["Id"] for page in results))
    if (chosen is None and len(ids) != 1) or (chosen is not None and chosen not in ids):
        found = ", ".join(map(repr, ids)) or "no metric"
        raise TraceError(f"{path}: id must be one of the metrics in the file ({found}), got {chosen!r}")
    return [page for page in results if chosen is None or page["Id"] == chosen]


def _instant(stamp: Any, where: str) -> datetime:
    try:
        at = datetime.fromisoformat(stamp.strip())
    except (ValueError, AttributeError):
        raise TraceError(f"{where}: a timestamp must be ISO 8601 such as 2026-01-31T09:05:00Z, got {stamp!r}") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _count(value: Any, where: str) -> float:
    try:
        count = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        count = math.nan
    if not 0 <= count < math.inf:
        raise TraceError(f"{where}: a value must be a finite number >= 0, got {value!r}")
    return count
