"""Finished runs are kept: an interrupted experiment resumes, and a second question reuses runs."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_experiments import counted, small

import ddbsim as ds
from ddbsim.experiment.fingerprint import NoFingerprintError, fingerprint

CHILD = """
import sys
import ddbsim as ds
from small_experiments import counted
folder, store = sys.argv[1:]
ds.replicate(counted(folder, pause_s=0.15), 12, rng=7, executor=2, store=store, progress=False)
"""


def drawn(folder):
    """Return how often each replication was begun."""
    return Counter(int(path.name.split("-")[0]) for path in Path(folder).iterdir())


def replicate(folder, store, n=12, **options):
    return ds.replicate(counted(folder, pause_s=0.15), n, rng=7, executor=2, store=store, progress=False, **options)


def killed_after(runs, program, folder, store):
    """Kill an experiment once so many of its runs are in the store."""
    # a session of its own: the worker processes are killed with their parent
    child = subprocess.Popen(
        [sys.executable, "-c", program, folder, store], cwd=Path(__file__).parent, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while len(list(store.glob("*.parquet"))) < runs and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL


def test_a_killed_experiment_resumes_and_no_finished_run_is_done_twice(tmp_path):
    ran, store, undisturbed = tmp_path / "ran", tmp_path / "store", tmp_path / "undisturbed"
    ran.mkdir()
    undisturbed.mkdir()
    killed_after(4, CHILD, ran, store)
    finished = {int(row["spawn_key"][0]) for row in kept(store)}
    assert 4 <= len(finished) < 12
    resumed = replicate(ran, store)
    times = drawn(ran)
    assert all(times[number] == 1 for number in finished)
    assert set(times) == set(range(12))
    whole = ds.replicate(counted(undisturbed), 12, rng=7, executor="serial", progress=False)
    pd.testing.assert_frame_equal(resumed.runs, whole.runs, check_exact=True)


RATES = [50, 60, 70, 80]
SWEEP = """
import sys
from test_store import sweep
sweep(*sys.argv[1:], executor=2)
"""


def sweep(folder, store, executor):
    """Four settings whose writes count how often they are drawn, so that a run leaves a file of its own."""
    scenario = counted(folder, pause_s=0.15)
    return ds.sweep(
        scenario, {"rate_per_s": RATES}, replications=3, rng=7, executor=executor, store=store, progress=False
    )


def test_a_killed_sweep_resumes_and_no_finished_run_is_done_twice(tmp_path):
    ran, store, undisturbed = tmp_path / "ran", tmp_path / "store", tmp_path / "undisturbed"
    ran.mkdir()
    undisturbed.mkdir()
    killed_after(4, SWEEP, ran, store)
    before = runs_in(ran, store)
    assert 4 <= len(before) < 12
    resumed = sweep(ran, store, executor=2)
    times = Counter(path.name.rsplit("-", 1)[0] for path in ran.iterdir())
    assert len(times) == 12
    assert all(times[name] == 1 for name in before)
    whole = sweep(undisturbed, None, executor="serial")
    pd.testing.assert_frame_equal(resumed.runs, whole.runs, check_exact=True)
    pd.testing.assert_frame_equal(resumed.frame, whole.frame, check_exact=True)


def runs_in(folder, store):
    """Return the finished runs of a store, named as `CountedWrites` names its files."""
    scenarios = {rate: ds.vary(counted(folder, pause_s=0.15), {"rate_per_s": rate}) for rate in RATES}
    rates = {fingerprint(scenario): rate for rate, scenario in scenarios.items()}
    paths = sorted(store.glob("*.parquet"))
    return [f"{pd.read_parquet(path)['spawn_key'].iloc[0][0]}-{rates[path.name.split('-')[0]]}" for path in paths]


def kept(store):
    return [pd.read_parquet(path).iloc[0] for path in sorted(store.glob("*.parquet"))]


def test_a_second_question_reuses_runs(tmp_path):
    store = tmp_path / "store"
    few = ds.replicate(small(), 2, rng=7, executor="serial", store=store, progress=False)
    assert len(kept(store)) == 2
    more = ds.replicate(small(name="another title"), 3, rng=7, executor="serial", store=store, progress=False)
    assert len(kept(store)) == 3
    pd.testing.assert_frame_equal(more.runs.head(2), few.runs, check_exact=True)
    again = ds.replicate(small(), 3, rng=7, executor="serial", store=store, progress=False)
    assert len(kept(store)) == 3
    assert np.array_equal(again.measures[0].series, few.measures[0].series, equal_nan=True)
    assert again.measures[0].latencies.quantile(0.9) == few.measures[0].latencies.quantile(0.9)


def test_another_seed_or_scenario_is_another_run(tmp_path):
    store = tmp_path / "store"
    ds.replicate(small(), 1, rng=7, executor="serial", store=store, progress=False)
    ds.replicate(small(), 1, rng=8, executor="serial", store=store, progress=False)
    ds.replicate(small(batch_size=9), 1, rng=7, executor="serial", store=store, progress=False)
    assert len(kept(store)) == 3


def test_failed_runs_are_not_kept(tmp_path):
    folder = tmp_path / "ran"
    folder.mkdir()
    store = tmp_path / "store"
    scenario = counted(folder, fails_for=(0,))
    ds.replicate(scenario, 2, rng=7, executor="serial", store=store, progress=False)
    assert len(kept(store)) == 1


def test_a_store_of_another_version_is_named_with_the_way_out(tmp_path):
    store = tmp_path / "store"
    ds.replicate(small(), 1, rng=7, executor="serial", store=store, progress=False)
    (store / "store.json").write_text(json.dumps({"ddbsim": "0.0.1", "format": 1}))
    with pytest.raises(ds.RunStoreError, match=r"holds runs of ddbsim 0.0.1, format 1, and this is .*another folder"):
        ds.replicate(small(), 1, rng=7, executor="serial", store=store, progress=False)


@pytest.mark.parametrize("content", [b"", b"no parquet at all", None])
def test_a_damaged_file_is_named_with_the_way_out(tmp_path, content):
    store = tmp_path / "store"
    ds.replicate(small(), 1, rng=7, executor="serial", store=store, progress=False)
    (path,) = store.glob("*.parquet")
    path.write_bytes(path.read_bytes()[:-40] if content is None else content)
    with pytest.raises(ds.RunStoreError, match=rf"{path.name} is damaged .*delete it, and the run is done again"):
        ds.replicate(small(), 1, rng=7, executor="serial", store=store, progress=False)
    path.unlink()
    ds.replicate(small(), 1, rng=7, executor="serial", store=store, progress=False)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(ds.RunStoreError, match=r"must be a new folder or one of earlier runs, and .* holds no store"):
        ds.replicate(small(), 1, rng=7, executor="serial", store=tmp_path, progress=False)
    with pytest.raises(ds.RunStoreError, match="is a file"):
        ds.replicate(small(), 1, rng=7, executor="serial", store=tmp_path / "letter.txt", progress=False)
    with pytest.raises(ds.RunStoreError, match="store must be a folder, got 5"):
        ds.replicate(small(), 1, rng=7, executor="serial", store=5, progress=False)
    with pytest.raises(ds.RunStoreError, match=r"must be a folder that can be made, and .* cannot"):
        ds.replicate(small(), 1, rng=7, executor="serial", store=tmp_path / "letter.txt" / "store", progress=False)
    (tmp_path / "store.json").write_text("{")
    with pytest.raises(ds.RunStoreError, match=r"store.json is damaged"):
        ds.replicate(small(), 1, rng=7, executor="serial", store=tmp_path, progress=False)


def test_a_fingerprint_tells_contents_apart():
    def handler(event, context):
        return event

    def other(event, context):
        return context

    texts = [
        fingerprint(value)
        for value in (
            *(None, True, 1, 1.0, "1", b"1", (1,), (1, 2), ((1,), 2), {"a": 1}, {"a": 2}, frozenset({1})),
            *(np.arange(3), np.arange(3.0), np.arange(4), handler, other, lambda x: x + 1, lambda x: x + 2),
            *(small(), small(batch_size=1), small(rate_per_s=61), pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})),
        )
    ]
    assert len(set(texts)) == len(texts)


def test_a_fingerprint_follows_the_contents_of_a_trace_file(tmp_path):
    path = tmp_path / "trace.csv"
    prints = []
    for counts in ("5", "6", "5"):
        path.write_text(f"timestamp,count\n2026-01-01T00:00:00Z,{counts}\n2026-01-01T00:01:00Z,7\n")
        prints.append(fingerprint(ds.TraceWrites(trace=str(path))))
    assert prints[0] == prints[2] != prints[1]


def test_what_has_no_fingerprint_is_told():
    with pytest.raises(NoFingerprintError, match=r"holds <object .*leave store= out"):
        fingerprint(object())
