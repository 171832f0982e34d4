"""Who reads a stream, and from where: LATEST, and more readers than a shard takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddbsim.scenario import Poller, Scenario

from .classroom import GUIDE, LAMBDA_GUIDE, function, mapping, scenario, writes
from .lesson import Finding, Lesson

if TYPE_CHECKING:
    from ddbsim.result.result import Result

__all__ = ["LESSONS"]

_CREATED_S, _ACTIVATION_S = 10.0, 60.0


def _missed(result: Result) -> int:
    """Return how many records written after a mapping's creation it skipped."""
    log, (mapping, *_) = result.stream_log, result.scenario.mappings
    after = log["written_s"] >= (mapping.created_s or 0.0)
    return int((after & (log["outcome"].astype(str) == "skipped")).sum())


def _gap(result: Result) -> list[Finding]:
    log = result.stream_log
    read = log[log["outcome"].astype(str) == "processed"]["written_s"]
    return [
        Finding(
            "Records written after the creation are never seen.",
            f"{_missed(result)} records written after {_CREATED_S:g} s were skipped",
            _missed(result) > 0,
        ),
        Finding(
            "LATEST means what is written once it polls.",
            f"the first record that was read was written at {read.min():g} s",
            bool(read.min() >= _CREATED_S + _ACTIVATION_S - 1),
        ),
    ]


def _three() -> Scenario:
    # read on while it works: then only a refused read can make a record wait longer than one interval
    readers = [
        mapping(function(base_s=0.02), name=name, poller=Poller(read_ahead_batches=50))
        for name in ("mail", "search", "audit")
    ]
    return scenario("three readers", writes(40, every_s=5.0, items=40), readers, duration_s=300)


def _late_reads(result: Result) -> int:
    """Return how many records waited longer than one polling interval for their read."""
    interval_s = result.scenario.mappings[0].poller.interval_s
    return int((result.latency_parts["poll_wait_s"] > interval_s + 1e-9).sum())


def _refused(result: Result) -> list[Finding]:
    late, parts = _late_reads(result), result.latency_parts
    return [
        Finding(
            "Reads are refused, and records wait longer than one poll.",
            f"{late} of {len(parts)} deliveries waited longer, the longest {parts['poll_wait_s'].max():.2f} s",
            late > 0,
        ),
        Finding(
            "All three readers suffer.",
            f"{parts.loc[parts['poll_wait_s'] > 0.25, 'event_source_mapping'].nunique()} of 3 had to wait",
            parts.loc[parts["poll_wait_s"] > 0.25, "event_source_mapping"].nunique() == 3,
        ),
        Finding(
            "Nothing is lost.",
            f"{int((result.stream_log['outcome'].astype(str) == 'processed').sum())} of {len(result.stream_log)} "
            "were processed",
            bool((result.stream_log["outcome"].astype(str) == "processed").all()),
        ),
    ]


LESSONS = (
    Lesson(
        name="latest_gap",
        claim="A new mapping polls only after up to minutes, and LATEST begins there: what is written between its "
        "creation and its first poll is never seen. TRIM_HORIZON has no such gap.",
        prediction="A mapping at LATEST is created at 10 s and begins to poll a minute later; a record is written "
        "every 4 s. How many records written after its creation does it miss?",
        belief=0,
        hint="Look for the outcome skipped in result.stream_log, with written_s from 10 s on.",
        source=f"{LAMBDA_GUIDE}/services-dynamodb-eventsourcemapping.html",
        scenario=scenario(
            "LATEST",
            writes(40, every_s=4.0, items=40),
            mapping(
                starting_position="LATEST",
                created_s=_CREATED_S,
                poller=Poller(activation_delay=_ACTIVATION_S),
            ),
            duration_s=170,
        ),
        decide=_gap,
        answer=_missed,
        tolerance=1.0,
    ),
    Lesson(
        name="three_readers",
        claim="A shard takes two readers without throttling. A third makes reads be refused, for all of them; nothing "
        "is lost, it comes later. (For how long reads are refused is assumed.)",
        prediction="Three mappings read one shard and poll every 0.25 s. Does every record wait at most 0.25 s for "
        "its read?",
        belief=True,
        hint="Look at poll_wait_s in result.latency_parts.",
        source=f"{GUIDE}/ServiceQuotas.html",
        scenario=_three(),
        decide=_refused,
        answer=lambda result: _late_reads(result) == 0,
    ),
)
