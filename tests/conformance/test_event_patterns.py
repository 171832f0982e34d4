"""Event patterns and filters as recorded on the service, a test for each recording."""

import json
from pathlib import Path

import pytest

from ddbsim.filters.patterns import EventPattern, FilterCriteria, InvalidPatternError, matches
from ddbsim.items import ItemTable, lambda_record, stream_record

RECORDED = Path(__file__).resolve().parents[2] / "../shared/conformance"
ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2026-01-01T00:00:00.000"


def recorded(name):
    path = RECORDED / name
    return json.loads(path.read_text()) if path.exists() else []


PATTERNS = recorded("event_patterns.json")
FILTERS = [case for case in recorded("cases.json") if case["group"] == "filter"]
pytestmark = pytest.mark.skipif(not PATTERNS, reason=f"the recordings are not beside the repository ({RECORDED})")


def text_of(case):
    return case.get("pattern_raw") or json.dumps(case["pattern"])


@pytest.mark.parametrize("case", [c for c in PATTERNS if c["valid"]], ids=lambda case: case["id"])
def test_a_valid_pattern_matches_as_recorded(case):
    assert matches(text_of(case), case["event"]) is case["matches"]


@pytest.mark.parametrize("case", [c for c in PATTERNS if not c["valid"]], ids=lambda case: case["id"])
def test_an_invalid_pattern_is_refused_with_the_recorded_reason(case):
    with pytest.raises(InvalidPatternError) as refused:
        EventPattern(text_of(case))
    recorded_text = case["error"]["message"]
    if recorded_text.endswith(" ..."):  # cut short in the recording
        assert str(refused.value).startswith(recorded_text.removesuffix(" ..."))
    else:
        assert str(refused.value) == recorded_text


def put(n, **attributes):
    return {"id": f"id_value_{n}", **attributes}


# The recordings describe the writes in words
FILTERED_WRITES = {
    "filter.insert_same_entry_twice": [put(1), put(1)],
    "filter.content_filter_type": [put(1, presentKey="presentValue"), put(2)],
    "filter.exists_false_filter": [put(1), put(2, presentKey="presentValue")],
    "filter.numeric_filter": [put(1, numericFilter=42), put(2, numericFilter=101)],
    "filter.date_time_conversion": [put(1), put(2)],
    "filter.kept_records_batched_together": [put(n, keep=n % 2 == 0) for n in (1, 2, 3, 4)],
}


def records_of(items, view_type):
    table = ItemTable(key=("id",))
    changes = [table.apply("put", item) for item in items]
    return [
        lambda_record(
            stream_record(
                change,
                view_type=view_type,
                sequence_number=str(10**21 + n),
                event_id=f"{n:032x}",
                at_epoch_s=1_733_418_659.4,
                region="us-east-1",
            ),
            stream_arn=ARN,
        )
        for n, change in enumerate(changes)
        if change.event_name is not None
    ]


@pytest.mark.parametrize("case", FILTERS, ids=lambda case: case["id"])
def test_a_filter_lets_the_recorded_records_through(case):
    if case["id"] not in FILTERED_WRITES:
        pytest.skip("the recording describes its writes in words that this test does not know")
    filters = FilterCriteria([case["esm"]["FilterCriteria"]])
    records = records_of(FILTERED_WRITES[case["id"]], case["esm"].get("StreamViewType", "NEW_AND_OLD_IMAGES"))
    kept = [place for place, record in enumerate(records, start=1) if filters.matches(record)]
    expected = case["expected"]["invocations"]
    assert kept == expected[0] if isinstance(expected, list) else len(kept) == expected
