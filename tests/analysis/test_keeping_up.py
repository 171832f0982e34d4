"""Whether a backlog grows: right at loads near 1, by three answers, and by shard."""

import dataclasses

import numpy as np
import pytest

import ddbsim as ds
from ddbsim.analysis.keeping_up import DOES_NOT, KEEPS_UP, TOO_SHORT, Backlogs, keeping_up

STRETCHES = 16


def queue(rng, load, *, rate=100.0, length_s=400.0, shards=1, random_service=False):
    """Return the backlogs of queues that start empty, by Lindley's recursion: M/D/1, or M/M/1."""
    edges_s = np.linspace(length_s / 2, length_s, STRETCHES + 1)
    behind, means = [], []
    fine_s = np.linspace(length_s / 2, length_s, STRETCHES * 20 + 1)
    for _ in range(shards):
        came = np.sort(rng.random(rng.poisson(rate * length_s)) * length_s)
        service = rng.exponential(load / rate, len(came)) if random_service else np.full(len(came), load / rate)
        total = np.cumsum(service)
        gone = total + np.maximum.accumulate(came - np.concatenate(([0.0], total[:-1])))
        series = np.searchsorted(came, fine_s, side="right") - np.searchsorted(gone, fine_s, side="right")
        behind.append(series[::20])
        means.append(series[1:].reshape(STRETCHES, 20).mean(axis=1))
    written = np.full((shards, STRETCHES), rate * length_s / 2 / STRETCHES)
    return Backlogs(
        tuple(map(str, range(shards))), edges_s, np.array(behind, dtype=float), written, np.array(means, dtype=float)
    )


@pytest.mark.parametrize("random_service", [False, True])
@pytest.mark.parametrize("load", [0.8, 0.9, 0.95, 0.99])
def test_a_queue_below_its_capacity_is_called_unstable_in_at_most_one_run_of_twenty(load, random_service):
    rng = np.random.default_rng(round(1000 * load) + random_service)
    wrong = sum(keeping_up(queue(rng, load, random_service=random_service)).verdict == DOES_NOT for _ in range(60))
    # of 60 runs at 5 %: 8 or more have a chance of less than 1 %
    assert wrong < 8


@pytest.mark.thorough
@pytest.mark.parametrize("random_service", [False, True])
@pytest.mark.parametrize("load", [0.8, 0.9, 0.95, 0.98, 0.99])
@pytest.mark.parametrize(("rate", "length_s", "shards"), [(20.0, 60.0, 1), (200.0, 300.0, 1), (50.0, 600.0, 16)])
def test_false_alarms_are_at_most_five_per_cent(load, random_service, rate, length_s, shards):
    rng = np.random.default_rng(7)
    runs = 400 // shards + 60
    of = {"rate": rate, "length_s": length_s, "shards": shards, "random_service": random_service}
    wrong = sum(keeping_up(queue(rng, load, **of)).verdict == DOES_NOT for _ in range(runs))
    assert wrong <= runs * 0.05 + 2.33 * np.sqrt(runs * 0.05 * 0.95)


@pytest.mark.parametrize("load", [1.05, 1.2, 3.0])
def test_a_queue_beyond_its_capacity_is_seen(load):
    rng = np.random.default_rng(7)
    verdicts = [keeping_up(queue(rng, load)).verdict for _ in range(20)]
    assert verdicts.count(DOES_NOT) >= 19


def test_the_growth_is_what_is_not_worked_off():
    told = keeping_up(queue(np.random.default_rng(7), 1.25))
    assert told.low < 0.2 < told.high
    assert told.growth_share == pytest.approx(0.2, abs=0.03)


def test_rising_traffic_at_one_lag_keeps_up():
    rates = np.linspace(1_000, 2_000, STRETCHES + 1)
    behind = 0.5 * rates[np.newaxis]
    written = ((rates[:-1] + rates[1:]) / 2 * 10)[np.newaxis]
    told = keeping_up(Backlogs(("a",), np.arange(STRETCHES + 1) * 10.0, behind, written, behind[:, 1:]))
    assert told.verdict == KEEPS_UP


def test_one_shard_among_many_is_named():
    rng = np.random.default_rng(7)
    good, bad = queue(rng, 0.5, shards=7), queue(rng, 1.3)
    stacked = (np.vstack((getattr(good, name), getattr(bad, name))) for name in ("behind", "written", "mean_behind"))
    both = Backlogs((*good.shards, "hot"), good.edges_s, *stacked)
    told = keeping_up(both)
    assert (told.verdict, told.growing) == (DOES_NOT, ("hot",))


def test_a_shard_of_which_nothing_is_settled_is_stuck_however_few_records_it_has():
    behind = np.vstack((np.full(STRETCHES + 1, 3.0), np.full(STRETCHES + 1, 3.0)))
    written = np.zeros((2, STRETCHES))
    written[1, 5] = 3.0  # three came, and three went
    told = keeping_up(Backlogs(("stuck", "alive"), np.arange(STRETCHES + 1.0), behind, written, behind[:, 1:]))
    assert (told.verdict, told.growing) == (DOES_NOT, ("stuck",))


def test_a_run_shorter_than_a_few_batching_windows_is_too_short():
    assert keeping_up(queue(np.random.default_rng(7), 1.2), cycle_s=60.0).verdict == TOO_SHORT


def test_a_quiet_run_is_too_short_and_a_run_without_writes_keeps_up():
    assert keeping_up(queue(np.random.default_rng(7), 0.9, rate=2.0, length_s=30.0)).verdict == TOO_SHORT
    quiet = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=0), duration_s=30)
    assert ds.simulate(quiet, rng=7, progress=False).keeping_up()["verdict"].tolist() == [KEEPS_UP]


def slow(rate_per_s, batch_size=10, **fields):
    return ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=rate_per_s),
        table=ds.Table(partitions=1),
        duration_s=200,
        warmup_s=20,
        event_source_mappings=ds.EventSourceMapping(
            batch_size=batch_size, function=ds.Function(duration=ds.Duration(base_s=0.1), timeout_s=60)
        ),
        **fields,
    )


def test_every_telling_of_a_growing_backlog_says_the_same():
    scenario = slow(200)
    result = ds.simulate(scenario, rng=7, progress=False)
    (told,) = result.keeping_up().to_dict("records")
    assert told["verdict"] == DOES_NOT
    assert told["processed_share"] == pytest.approx(0.37, abs=0.03)
    assert np.isinf(result.latency([0.01, 0.5, 0.99])["latency_s"]).all()
    assert result.summary.frame["keeps up"].tolist() == ["NO"]
    assert "grows without limit" in str(result)
    replications = ds.replicate(scenario, 2, rng=7, executor="serial", progress=False)
    assert replications.runs["falls_behind"].tolist() == [1.0, 1.0]
    assert np.isinf(replications.runs[["latency_mean_s", "latency_p50_s", "latency_p99_s"]]).all().all()
    assert ds.closed_form(scenario)["load"].max() > 1


def test_records_lost_in_the_queue_are_no_sign_of_keeping_up():
    aged = slow(200)
    (mapping,) = aged.mappings
    aged = dataclasses.replace(
        aged, event_source_mappings=dataclasses.replace(mapping, maximum_record_age_in_seconds=60)
    )
    assert ds.simulate(aged, rng=7, progress=False).keeping_up()["verdict"].tolist() == [DOES_NOT]
