"""What a run is expected to need is known before it begins, whatever it is that needs it."""

import pytest

import ddbsim as ds
from ddbsim.run import MEMORY_LIMIT_BYTES, _bytes_needed

IDLE = ds.PoissonWrites(rate_per_s=0)
YEAR_S = 365 * 86_400.0


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"workload": ds.PoissonWrites(rate_per_s=1e6), "duration_s": 3_600}, r"about 3,600,000,000 records need"),
        ({"workload": IDLE, "duration_s": 3e8}, r"300,000,000 seconds of the table's load need"),
        ({"workload": IDLE, "duration_s": 1e7, "stream": ds.Stream(visibility_hold_s=0.001)}, "visibility_hold_s"),
        ({"workload": IDLE, "duration_s": YEAR_S, "stream": ds.Stream(shard_lifetime=60)}, "shards need"),
    ],
)
def test_a_run_that_does_not_fit_is_refused_by_what_does_not(settings, what):
    with pytest.raises(ds.TooManyRecordsError, match=what):
        ds.simulate(ds.Scenario(**settings), rng=7)


@pytest.mark.parametrize(
    "settings",
    [
        {"workload": ds.PoissonWrites(rate_per_s=1 / 3_600), "duration_s": YEAR_S},
        {"workload": ds.PoissonWrites(rate_per_s=5_000), "duration_s": 4_000},
        {"workload": ds.PoissonWrites(rate_per_s=500), "duration_s": 60, "table": ds.Table(partitions=4_000)},
    ],
)
def test_a_run_that_fits_is_not_refused(settings):
    assert sum(_bytes_needed(ds.Scenario(**settings)).values()) < MEMORY_LIMIT_BYTES


def test_a_pause_in_idle_time_needs_no_more():
    """Polls that find nothing are not made."""
    pause = ds.Suspension(start_s=10.0, end_s=20.0)
    plain, paused = (
        ds.Scenario(
            workload=IDLE,
            duration_s=86_400,
            event_source_mappings=ds.EventSourceMapping(suspensions=suspensions, poller=ds.Poller(interval_s=1e-3)),
        )
        for suspensions in ((), pause)
    )
    assert _bytes_needed(plain) == _bytes_needed(paused)
    assert len(ds.simulate(paused, rng=7, progress=False).stream_log) == 0
