"""When a mapping reads: its start, its pauses, what it starts behind, and what too many readers cost."""

import pytest
from lab import run

import ddbsim as ds


def each_second(until_s):
    return [(float(n), "put", {"pk": "key", "ordinal": n}) for n in range(1, until_s)]


def got(mapping, until_s=200):
    notes, result = run(each_second(until_s), mapping=mapping, duration_s=until_s + 100.0)
    return [n for batch in notes.batches for n in batch], result


@pytest.fixture
def prompt():
    return ds.Poller(activation_delay=20)


def test_trim_horizon_gets_what_was_written_before_the_mapping(prompt):
    seen, result = got({"created_s": 100, "poller": prompt})
    assert seen == list(range(1, 200))
    assert result.stream_log["received_s"].min() >= 120


def test_latest_gets_what_is_visible_after_the_first_poll(prompt):
    seen, result = got({"created_s": 100, "starting_position": "LATEST", "poller": prompt})
    assert seen == list(range(seen[0], 200))
    assert 119 <= seen[0] <= 121
    assert (result.stream_log["outcome"] == "skipped").sum() == seen[0] - 1


def test_a_disabled_mapping_keeps_its_position(prompt):
    pause = ds.Suspension(start_s=50, end_s=80)
    for position in ("TRIM_HORIZON", "LATEST"):
        seen, result = got({"suspensions": pause, "starting_position": position, "poller": prompt})
        assert seen == list(range(1, 200))
        started_s = result.invocations["started_s"]
        # one in flight may end; nothing starts between the pause and the first poll after it
        assert not started_s.between(50, 100).any()


def test_an_update_loses_the_position_of_latest_only(prompt):
    update = ds.Suspension(start_s=50, end_s=60, kind="updated")
    seen, _ = got({"suspensions": update, "poller": prompt})
    assert seen == list(range(1, 200))
    seen, _ = got({"suspensions": update, "starting_position": "LATEST", "poller": prompt})
    lost = sorted(set(range(1, 200)) - set(seen))
    assert lost == list(range(lost[0], lost[-1] + 1))
    assert (49 <= lost[0] <= 51, 79 <= lost[-1] <= 80) == (True, True)
