"""The rules of delivery against a recursive function of a list of records, under every combination of settings."""

from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import combinations

import pytest
from delivery_rules import Rules, delivered
from hypothesis import given
from hypothesis import strategies as st
from lab import AT_S, Notes, always, raising, reporting

import ddbsim as ds
from ddbsim.items import record_sequence_number

SIZE = 7  # records of a group
APART_S = 5.0  # time from one group to the next: more than two bad records and their retries take
# one or two bad places of a group
BAD_PLACES = [bad for count in (1, 2) for bad in combinations(range(1, SIZE + 1), count)]
CONDUCTS = {"raise": raising, "report": reporting}


def simulated(rules, function, groups, lanes=1):
    """Run items of one record each, group after group, on one shard."""
    mapping = ds.EventSourceMapping(
        function=function,
        batch_size=rules.batch_size,
        maximum_retry_attempts=rules.retries,
        bisect_batch_on_function_error=rules.bisects,
        function_response_types=("ReportBatchItemFailures",) if rules.takes_reports else (),
        parallelization_factor=lanes,
        on_failure=ds.Destination("sqs"),
    )
    scenario = ds.Scenario(
        workload=ds.ItemWrites(
            [
                (AT_S + place * APART_S, "put", {"pk": f"key-{n}", "ordinal": n})
                for place, group in enumerate(groups)
                for n in group
            ]
        ),
        table=ds.Table(partitions=1),
        stream=ds.Stream(view_type="NEW_IMAGE"),
        event_source_mappings=mapping,
        duration_s=60 + len(groups) * APART_S,
    )
    return ds.simulate(scenario, rng=7, progress=False)


@cache
def lanes_of(count, lanes):
    """Return the records of each lane: what a first batch large enough for all of them holds."""
    notes = Notes()
    rules = Rules(batch_size=count, retries=0, bisects=False, takes_reports=False, function="raise")
    simulated(rules, ds.Function(handler=notes), [range(1, count + 1)], lanes)
    return notes.batches


def documents(result):
    """Return what the destination was told: (records, invocations, functionError), the records by their ordinals."""
    log = result.stream_log
    names = [record_sequence_number(*row) for row in zip(log["shard_id"], log["sequence_number"], strict=True)]
    place = {name: n for n, name in enumerate(names, start=1)}
    for document in result.discards["document"]:
        info = document["DDBStreamBatchInfo"]
        ends = place[info["startSequenceNumber"]], place[info["endSequenceNumber"]]
        error = document["responseContext"]["functionError"]
        yield (*ends, info["batchSize"]), document["requestContext"]["approximateInvokeCount"], error


def assert_follows(calls, result, bad, rules, rows):
    """Hold a run to the rules: the calls for each row of records in order, the documents, and each record's state."""
    expected = [delivered(records, bad, rules) for records in rows]
    for one, records in zip(expected, rows, strict=True):
        seen = [batch for batch in calls if set(batch) <= set(records)]
        if one.stuck:
            # several retries fit into the time that was simulated
            assert len(seen) > len(one.calls) + 3
            assert seen[len(one.calls) :] == [one.calls[-1]] * (len(seen) - len(one.calls))
        assert seen[: len(one.calls)] == one.calls
        assert one.stuck or len(seen) == len(one.calls)
    given_up = [row for one in expected for row in one.given_up]
    told = [((batch[0], batch[-1], len(batch)), *rest) for batch, *rest in given_up]
    assert Counter(documents(result)) == Counter(told)
    states = result.stream_log["outcome"].tolist()
    done = {record for one in expected for record in one.done}
    lost = {record for batch, *_ in given_up for record in batch}
    assert {n for n, state in enumerate(states, start=1) if state == "processed"} == done
    assert {n for n, state in enumerate(states, start=1) if state == "discarded"} == lost
    assert not any(one.stuck for one in expected) or "waiting" in states


@pytest.mark.parametrize("function", CONDUCTS)
@pytest.mark.parametrize("takes_reports", [False, True], ids=["plain", "reports"])
@pytest.mark.parametrize("bisects", [False, True], ids=["whole", "bisects"])
@pytest.mark.parametrize("retries", [0, 2])
@pytest.mark.parametrize("batch_size", range(1, SIZE + 1))
def test_one_or_two_bad_records_at_any_place(batch_size, retries, bisects, takes_reports, function):
    rules = Rules(
        batch_size=batch_size, retries=retries, bisects=bisects, takes_reports=takes_reports, function=function
    )
    groups = [list(range(first, first + SIZE)) for first in range(1, SIZE * len(BAD_PLACES), SIZE)]
    bad = {group[place - 1] for group, places in zip(groups, BAD_PLACES, strict=True) for place in places}
    notes = Notes(CONDUCTS[function](*bad))
    result = simulated(rules, ds.Function(handler=notes), groups)
    assert_follows(notes.batches, result, bad, rules, groups)


@st.composite
def settings(draw):
    """Return the rules, how many records there are, which are bad, and how many lanes they take."""
    count = draw(st.integers(1, 10))
    bad = draw(st.sets(st.integers(1, count), max_size=count))
    rules = Rules(
        batch_size=draw(st.integers(1, 8)),
        retries=draw(st.sampled_from([0, 1, 2, -1])),
        bisects=draw(st.booleans()),
        takes_reports=draw(st.booleans()),
        function=draw(st.sampled_from(sorted(CONDUCTS))),
    )
    return rules, count, bad, draw(st.integers(1, 3))


@given(settings())
def test_a_handler_gets_what_the_rules_say(setting):
    rules, count, bad, lanes = setting
    notes = Notes(CONDUCTS[rules.function](*bad) if bad else always(None))
    result = simulated(rules, ds.Function(handler=notes), [range(1, count + 1)], lanes)
    assert_follows(notes.batches, result, bad, rules, lanes_of(count, lanes))


@given(settings())
def test_the_failure_law_follows_the_same_rules(setting):
    rules, count, bad, lanes = setting
    poisoned = ds.Function(failures=ds.Failures(poison_items=[n - 1 for n in sorted(bad)]))
    # the law reports where reports are taken, and raises elsewhere
    rules = replace(rules, function="report" if rules.takes_reports else "raise")
    result = simulated(rules, poisoned, [range(1, count + 1)], lanes)
    story = result.events
    started = story.loc[story["what"] == "attempt started", "record_ids"]
    calls = [[record_id + 1 for record_id in batch] for batch in started]
    assert_follows(calls, result, bad, rules, lanes_of(count, lanes))
