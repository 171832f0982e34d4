"""When a mapping reads: its start, its pauses, what it starts behind, and what too many readers cost."""

import numpy as np
import pytest
from lab import run

import ddbsim as ds
from ddbsim.system.subscription import refused_share


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


def test_what_two_may_read_is_shared_by_all():
    assert [refused_share(readers) for readers in (0, 1, 2)] == [0.0] * 3
    assert [refused_share(readers) for readers in (3, 4, 8)] == pytest.approx([1 / 3, 1 / 2, 3 / 4])


def waits_s(readers, *, batch_size=100, parallelization_factor=1, window_s=5):
    """Mean time of a record from its write to the handler over an hour with so many mappings."""
    law = ds.Duration(base_s=0.05, per_record_s=0.001)
    mappings = [
        ds.EventSourceMapping(
            function=ds.Function(name=f"reader {n}", duration=law),
            batch_size=batch_size,
            parallelization_factor=parallelization_factor,
            maximum_batching_window_in_seconds=window_s,
        )
        for n in range(readers)
    ]
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=50),
        table=ds.Table(partitions=2),
        event_source_mappings=mappings,
        duration_s=3_600,
    )
    log = ds.simulate(scenario, rng=7, progress=False).stream_log
    return float((log["received_s"] - log["written_s"]).mean())


def test_readers_decide_the_lag_as_reported_from_the_field():
    """Four readers were tens of seconds behind, whatever the batches; two a few seconds.

    Source: https://octoenergy.github.io, stream consumer performance, 2024-05-13.
    """
    two = [waits_s(2, window_s=window_s) for window_s in (3, 5)]
    assert all(1 < wait_s < 6 for wait_s in two)
    four = {
        (size, factor): waits_s(4, batch_size=size, parallelization_factor=factor)
        for size, factor in ((100, 1), (1_000, 1), (100, 10))
    }
    # the delays double, so that an hour's mean is itself a matter of chance: 72 to 106 s were seen
    assert all(20 < wait_s < 200 for wait_s in four.values())
    assert np.ptp(list(four.values())) < 0.25 * max(four.values())
    assert max(two) < 6 < waits_s(3) < min(four.values())
