"""What failures do to a shard: records that come twice, the poison pill, and what each setting changes about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ddbsim.scenario import Failures, Outage, Scenario

from .classroom import LAMBDA_GUIDE, function, mapping, scenario, writes
from .lesson import Finding, Lesson

if TYPE_CHECKING:
    import pandas as pd

    from ddbsim.result.result import Result

__all__ = ["LESSONS"]

_ERRORS = f"{LAMBDA_GUIDE}/services-dynamodb-errors.html"
_PARTIAL = f"{LAMBDA_GUIDE}/services-ddb-batchfailurereporting.html"
# the poison record is the fourth of the second batch of eight
_RECORDS, _POISON = 24, 11


def _outcomes(result: Result, outcome: str) -> pd.DataFrame:
    log = result.stream_log
    return log[log["outcome"].astype(str) == outcome]


def _poisoned(name: str, **settings: Any) -> Scenario:
    """Return 24 writes of as many items in 12 s, of which record 5 makes the function raise each time."""
    reader = function(failures=Failures(poison_items=(_POISON,)))
    reading = mapping(reader, maximum_batching_window_in_seconds=5, **settings)
    return scenario(name, writes(_RECORDS, every_s=0.5, items=_RECORDS), reading, duration_s=180)


def _done(result: Result) -> int:
    return len(_outcomes(result, "processed"))


def _given_up(result: Result) -> int:
    return len(_outcomes(result, "discarded"))


def _poison_batch(result: Result) -> pd.DataFrame:
    """Return the batch that the poison record was first sent in."""
    log = result.stream_log.set_index("record_id")
    together: pd.DataFrame = log[log["received_s"] == log["received_s"].loc[_POISON]]
    return together


def _waits(result: Result) -> Finding:
    waiting = _outcomes(result, "waiting")["record_id"]
    behind = int((waiting > _POISON).sum())
    return Finding(
        "Every record behind it waits for it.",
        f"{behind} records behind it were never processed",
        set(range(_POISON, _RECORDS)) <= set(waiting),
    )


def _blocks(result: Result) -> list[Finding]:
    attempts = int(result.stream_log.set_index("record_id")["deliveries"].loc[_POISON])
    before = _poison_batch(result).index[0]
    return [
        _waits(result),
        Finding("The batch is sent again and again.", f"record {_POISON} was delivered {attempts} times", attempts > 3),
        Finding(
            "The good records of its batch are not done either.",
            f"its batch begins with record {before}, and {_done(result)} records are done",
            _done(result) == before < _POISON,
        ),
    ]


def _bisected(result: Result) -> list[Finding]:
    good = _outcomes(result, "processed")
    alone = int((result.invocations["records"] == 1).sum())
    return [
        Finding(
            "Splitting saves the records before it.",
            f"{len(good)} records were processed, the last of them record {good['record_id'].max()}",
            good["record_id"].tolist() == list(range(_POISON)),
        ),
        Finding("It ends with the record alone.", f"{alone} invocations held a single record", alone > 1),
        _waits(result),
    ]


def _reported(result: Result) -> list[Finding]:
    together = _poison_batch(result)
    before = together[together.index < _POISON]
    most = int(before["deliveries"].max())
    return [
        Finding(
            "The records before the reported one are not sent again.",
            f"{len(before)} records before it in its batch, delivered {most} time at most",
            bool((before["deliveries"] == 1).all() and before["completed_s"].notna().all()),
        ),
        _waits(result),
    ]


def _whole_batch(result: Result) -> list[Finding]:
    together = _poison_batch(result)
    given_up = _outcomes(result, "discarded")
    return [
        Finding(
            "The whole batch is given up, the good records in it too.",
            f"{len(given_up)} records were discarded, the batch had {len(together)}",
            given_up["record_id"].tolist() == together.index.tolist() and len(together) > 1,
        ),
        Finding(
            "Then the shard goes on.",
            f"{_done(result)} of {_RECORDS} records were processed",
            _done(result) == _RECORDS - len(given_up),
        ),
    ]


def _one_lost(result: Result) -> list[Finding]:
    given_up = _outcomes(result, "discarded")["record_id"].tolist()
    log = result.stream_log.set_index("record_id")
    again = int((log["deliveries"] > 1).sum())
    return [
        Finding("Only the poison record is given up.", f"discarded: {given_up}", given_up == [_POISON]),
        Finding("All others are processed.", f"{_done(result)} were processed", _done(result) == _RECORDS - 1),
        Finding("Its neighbours are delivered more than once.", f"{again} records came again", again > 1),
    ]


def _too_old(result: Result) -> list[Finding]:
    given_up = _outcomes(result, "discarded")
    unseen = given_up[given_up["deliveries"] == 0]
    return [
        Finding(
            "Good records grow too old behind it, and go without a single invocation.",
            f"{len(given_up)} records were discarded, {len(unseen)} of them never delivered",
            len(unseen) > 0,
        ),
        Finding(
            "The shard is blocked until the record reaches its age.",
            f"the first were given up at {result.discards['discarded_s'].min():.1f} s",
            bool(result.discards["discarded_s"].min() >= 60),
        ),
    ]


def _twice(result: Result) -> list[Finding]:
    log = result.stream_log
    again = log[log["deliveries"] > 1]
    first = result.invocations.iloc[0]
    return [
        Finding(
            "Each record is in the stream once.",
            f"{log['sequence_number'].nunique()} sequence numbers for {len(log)} records",
            log["sequence_number"].is_unique,
        ),
        Finding(
            "The function worked on some of them twice.",
            f"{len(again)} records were delivered more than once; the first invocation ran for "
            f"{first['duration_s']:.1f} s and ended in {first['outcome']}",
            len(again) > 0 and first["duration_s"] > 0,
        ),
        Finding(
            "All are processed in the end.", f"{_done(result)} of {len(log)} were processed", _done(result) == len(log)
        ),
    ]


LESSONS = (
    Lesson(
        name="runs_twice",
        claim="Each record is in the stream exactly once, and the function may still run twice for it: when an "
        "invocation does its work and then fails, its whole batch is sent again.",
        prediction="The first invocation works on its batch and then raises. How often is record 0 handed to the "
        "function?",
        belief=1,
        hint="Look at deliveries in result.stream_log.",
        source=f"{LAMBDA_GUIDE}/with-ddb.html",
        scenario=scenario(
            "twice",
            writes(16, every_s=0.25, items=16),
            mapping(
                function(failures=Failures(outages=Outage(start_s=0, end_s=2.2))), maximum_batching_window_in_seconds=5
            ),
            duration_s=20,
        ),
        decide=_twice,
        answer=lambda result: int(result.stream_log["deliveries"].iloc[0]),
    ),
    Lesson(
        name="poison_pill",
        claim="By default one record that always fails stops its shard: its batch is sent again until the stream trims "
        "it after 24 hours, and everything behind it waits.",
        prediction="24 records, one of which always fails. How many are processed within three minutes?",
        belief=_RECORDS - 1,
        hint="Count result.stream_log by outcome.",
        source=_ERRORS,
        scenario=_poisoned("poison pill"),
        decide=_blocks,
        answer=_done,
    ),
    Lesson(
        name="poison_pill_bisected",
        claim="Splitting a failed batch finds the bad record and saves those before it in the batch. Without a limit "
        "on retries the bad record, alone now, still blocks all behind it.",
        prediction="The same 24 records, with bisect_batch_on_function_error. How many are processed?",
        belief=_RECORDS - 1,
        hint="Count result.stream_log by outcome, and look at the sizes in result.invocations.",
        source=_ERRORS,
        scenario=_poisoned("bisected", bisect_batch_on_function_error=True),
        decide=_bisected,
        answer=_done,
    ),
    Lesson(
        name="poison_pill_reported",
        claim="With partial batch responses the function says which record failed: those before it are done after one "
        "delivery. The record itself still blocks the shard.",
        prediction="The same 24 records, and the function reports the failed one (ReportBatchItemFailures). How many "
        "are processed?",
        belief=_RECORDS - 1,
        hint="Count result.stream_log by outcome, and look at deliveries.",
        source=_PARTIAL,
        scenario=_poisoned("reported", function_response_types=("ReportBatchItemFailures",)),
        decide=_reported,
        answer=_done,
    ),
    Lesson(
        name="poison_pill_retry_limit",
        claim="A limit on retries sets the shard free, and gives up the whole batch: the good records in it as well.",
        prediction="The same 24 records, batch size 8, maximum_retry_attempts 2. How many records are given up?",
        belief=1,
        hint="Look at result.discards.",
        source=_ERRORS,
        scenario=_poisoned("retry limit", maximum_retry_attempts=2),
        decide=_whole_batch,
        answer=_given_up,
    ),
    Lesson(
        name="poison_pill_bisected_retry_limit",
        claim="Bisecting together with a limit on retries gives up the bad record alone; its neighbours are processed, "
        "some of them after more than one delivery.",
        prediction="The same with bisect_batch_on_function_error and maximum_retry_attempts 2. How many records are "
        "given up?",
        belief=8,
        hint="Look at result.discards.",
        source=_ERRORS,
        scenario=_poisoned("both", bisect_batch_on_function_error=True, maximum_retry_attempts=2),
        decide=_one_lost,
        answer=_given_up,
    ),
    Lesson(
        name="poison_pill_record_age",
        claim="A limit on the age of records ends the blockade only once the bad record has that age, and good records "
        "that grew too old behind it are given up without being tried.",
        prediction="The same 24 records with maximum_record_age_in_seconds 60 alone. How many records are given up?",
        belief=1,
        hint="Look at result.discards, and at the records without deliveries in result.stream_log.",
        source=_ERRORS,
        scenario=_poisoned("record age", maximum_record_age_in_seconds=60),
        decide=_too_old,
        answer=_given_up,
    ),
)
