"""How long a stream remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddbsim.scenario import Backoff, Failures, Outage

from .classroom import STREAMS, function, mapping, scenario, writes
from .lesson import Finding, Lesson

if TYPE_CHECKING:
    from ddbsim.result.result import Result

__all__ = ["LESSONS"]

_RETENTION_S, _REPAIRED_S = 60.0, 100.0


def _lost(result: Result) -> int:
    return int((result.stream_log["outcome"].astype(str) == "expired").sum())


def _cliff(result: Result) -> list[Finding]:
    log = result.stream_log
    gone = log[log["outcome"].astype(str) == "expired"]
    kept = log[log["outcome"].astype(str) == "processed"]
    return [
        Finding(
            "What is older than the retention when the function works again is gone.",
            f"{len(gone)} of {len(log)} records expired, the last of them written at {gone['written_s'].max():g} s",
            len(gone) > 0 and gone["written_s"].max() < kept["written_s"].min(),
        ),
        Finding(
            "No destination hears of it.",
            f"{int(result.discards['delivered'].sum())} documents for {len(gone)} lost records",
            not result.discards["delivered"].any(),
        ),
        Finding("The rest is processed.", f"{len(kept)} were processed", len(kept) == len(log) - len(gone) > 0),
    ]


LESSONS = (
    Lesson(
        name="retention_cliff",
        claim="A stream keeps a record for 24 hours, whoever has read it: after a longer outage the oldest records are "
        "gone, and nobody is told. (Here a minute stands for the 24 hours.)",
        prediction="The function is down until 100 s, the stream keeps records for 60 s, one is written every 2 s up "
        "to 80 s. How many of the 40 records are lost (give or take 2)?",
        belief=0,
        hint="Look for the outcome expired in result.stream_log.",
        source=STREAMS,
        scenario=scenario(
            "retention",
            writes(40, every_s=2.0, items=40),
            mapping(
                function(failures=Failures(outages=Outage(start_s=0, end_s=_REPAIRED_S))),
                batch_size=4,
                retry_backoff=Backoff(cap_s=2.0),
            ),
            duration_s=160,
            retention_s=_RETENTION_S,
        ),
        decide=_cliff,
        answer=_lost,
        tolerance=2.0,
    ),
)
