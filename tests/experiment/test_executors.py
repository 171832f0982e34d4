"""The same bits wherever runs are done; what goes wrong there is told, and the rest goes on."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace

import pandas as pd
import pytest
from small_experiments import counted, small

import ddbsim as ds
from ddbsim.experiment.runs.executors import Runner
from ddbsim.experiment.runs.job import Job, replication_seed

N = 5


@pytest.fixture(scope="module")
def alone():
    return ds.replicate(small(), N, rng=7, executor="serial", progress=False)


@pytest.mark.parametrize("executor", ["threads", "processes", 1, 3], ids=str)
def test_every_executor_gives_the_same_bits(alone, executor):
    other = ds.replicate(small(), N, rng=7, executor=executor, progress=False)
    pd.testing.assert_frame_equal(other.runs, alone.runs, check_exact=True)
    for one, two in zip(other.measures, alone.measures, strict=True):
        assert one.series.tobytes() == two.series.tobytes()
        assert one.latencies.counts.tolist() == two.latencies.counts.tolist()


@pytest.mark.parametrize("kind", [ProcessPoolExecutor, ThreadPoolExecutor])
def test_an_executor_that_is_brought_along_stays_open(alone, kind):
    with kind(2) as executor:
        for _ in range(2):
            other = ds.replicate(small(), N, rng=7, executor=executor, progress=False)
            pd.testing.assert_frame_equal(other.runs, alone.runs, check_exact=True)


def test_a_dask_cluster_of_two_processes_gives_the_same_bits(alone):
    distributed = pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert len(client.scheduler_info()["workers"]) == 2
        other = ds.replicate(small(), N, rng=7, executor=client.get_executor(), progress=False)
    pd.testing.assert_frame_equal(other.runs, alone.runs, check_exact=True)


def test_a_replication_is_the_run_that_its_seed_makes(alone):
    result = ds.simulate(small(), rng=alone.seed_of(3), progress=False)
    row = alone.runs.set_index("replication").loc[3]
    assert result.latency(0.99)["latency_s"].item() == row["latency_p99_s"]
    assert result.bill().usd_per_month == row["usd_per_month"]
    assert str(alone.seed_of(3).entropy) in row["seed"]


def test_another_number_of_replications_changes_none_of_them(alone):
    fewer = ds.replicate(small(), 2, rng=7, executor="serial", progress=False)
    pd.testing.assert_frame_equal(fewer.runs, alone.runs.head(2), check_exact=True)


def test_a_failed_run_is_reported_and_the_rest_goes_on(tmp_path):
    for executor in ("serial", "threads", 2):
        some = ds.replicate(counted(tmp_path, fails_for=(1, 3)), N, rng=7, executor=executor, progress=False)
        assert some.runs["replication"].tolist() == [0, 2, 4]
        assert some.failures["replication"].tolist() == [1, 3]
        assert some.failures["error"][0] == "RuntimeError: told to fail in replication 1"
        assert some.failures["seed"][0] == "7/1"
        assert "2 failed" in repr(some)


def test_a_worker_that_dies_takes_no_other_run_with_it(tmp_path, alone):
    some = ds.replicate(counted(tmp_path, dies_for=(2,)), N, rng=7, executor=2, progress=False)
    assert some.failures["replication"].tolist() == [2]
    assert "worker process died" in some.failures["error"][0]
    kept = alone.runs[alone.runs["replication"] != 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(some.runs, kept, check_exact=True)


def test_no_run_at_all_is_an_error(tmp_path):
    with pytest.raises(ds.AllRunsFailedError, match=r"all 2 runs failed, the first with seed 7/0: RuntimeError"):
        ds.replicate(counted(tmp_path, fails_for=(0, 1)), 2, rng=7, executor="serial", progress=False)


def test_what_cannot_be_pickled_is_refused_with_the_way_out():
    class Local(ds.UniformKeys):
        pass

    scenario = ds.vary(small(), {"keys": Local(items=5)})
    with pytest.raises(ds.UnpicklableScenarioError, match="executor='threads' or executor='serial'"):
        ds.replicate(scenario, 2, rng=7, executor="processes", progress=False)
    assert len(ds.replicate(scenario, 2, rng=7, executor="threads", progress=False).runs) == 2


@pytest.mark.parametrize("executor", [0, True, "process", 2.5, object()])
def test_what_is_no_executor_is_told(executor):
    with pytest.raises(ValueError, match=r"executor must be .*'processes', 'threads', 'serial'"):
        ds.replicate(small(), 2, rng=7, executor=executor, progress=False)


def test_settings_that_share_a_replication_share_its_writes(tmp_path):
    scenario = counted(tmp_path)
    settings = [ds.vary(scenario, {"batch_size": size}) for size in (1, 5, 10)]
    jobs = [Job(setting, replication_seed(7, number)) for number in range(2) for setting in settings]
    with Runner("serial", progress=False) as runner:
        runner.run(jobs)
    assert len(list(tmp_path.iterdir())) == 2


def test_another_length_has_writes_of_its_own(tmp_path):
    scenario = counted(tmp_path)
    shorter = replace(scenario, duration_s=20)
    with Runner("serial", progress=False) as runner:
        whole, part = runner.run([Job(one, replication_seed(7, 0)) for one in (scenario, shorter)])
    assert len(list(tmp_path.iterdir())) == 2
    assert part.metrics["processed_records"] < whole.metrics["processed_records"]


def test_a_bar_over_the_runs_is_shown_unless_it_is_off(capsys, monkeypatch):
    import tqdm.auto

    shown = []

    class Bar:
        def __init__(self, **options):
            shown.append(options)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def update(self, runs):
            shown.append(runs)

    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    ds.replicate(small(), 2, rng=7, executor="serial", progress=True)
    assert (shown[0]["total"], shown[0]["unit"]) == (2, "run")
    assert sum(shown[1:]) == 2
    del shown[:]
    ds.replicate(small(), 2, rng=7, executor="serial", progress=False)
    assert not shown
