"""Finished runs are kept: an interrupted experiment resumes, and a second question reuses runs."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_experiments import counted, small

import ddbsim as ds
from ddbsim.experiment.runs.fingerprint import NoFingerprintError, fingerprint
from ddbsim.experiment.runs.job import Job, perform, replication_seed
from ddbsim.experiment.runs.store import RunStore
from ddbsim.files.drafts import draft_beside

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


def once(store, **fields):
    return ds.replicate(small(**fields), 1, rng=7, executor="serial", store=store, progress=False)


def damages(content):
    """Yield what may become of a file: bits flipped, ends cut off, stretches of zeros, nothing, more."""
    size = len(content)
    for place in range(0, size, max(1, size // 60)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << (place % 8)
        yield bytes(flipped)
    for place in range(0, size, max(1, size // 12)):
        yield content[:place]
        yield content[:place] + b"\0" * min(64, size - place) + content[place + 64 :]
    yield content + b"more"


def test_what_is_damaged_is_told_and_never_read_as_other_numbers(tmp_path):
    store = tmp_path / "store"
    once(store)
    (path,) = store.glob("*.parquet")
    content, kept_runs = path.read_bytes(), RunStore(store)
    whole = kept_runs.get(path.stem)
    for damaged in damages(content):
        path.write_bytes(damaged)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = kept_runs.get(path.stem)
        if found is None:
            assert path.name in str(told[0].message)
        else:
            assert found.metrics == pytest.approx(whole.metrics, rel=0, abs=0, nan_ok=True)
            assert found.series.tobytes() == whole.series.tobytes()
            assert found.latencies.counts.tolist() == whole.latencies.counts.tolist()


@pytest.mark.parametrize("content", [b"", b"no parquet at all", None])
def test_a_damaged_run_is_done_again(tmp_path, content):
    store = tmp_path / "store"
    first = once(store)
    (path,) = store.glob("*.parquet")
    path.write_bytes(path.read_bytes()[:-40] if content is None else content)
    with pytest.warns(ds.RunNotKeptWarning, match=rf"{path.name} is damaged .*: the run is done again"):
        again = once(store)
    pd.testing.assert_frame_equal(again.runs, first.runs, check_exact=True)
    pd.testing.assert_frame_equal(once(store).runs, first.runs, check_exact=True)


def test_a_run_under_another_ones_name_is_done_again(tmp_path):
    store = tmp_path / "store"
    once(store)
    (path,) = store.glob("*.parquet")
    other = once(store, batch_size=1)
    (moved,) = (one for one in store.glob("*.parquet") if one != path)
    moved.write_bytes(path.read_bytes())
    with pytest.warns(ds.RunNotKeptWarning, match=moved.name):
        again = once(store, batch_size=1)
    pd.testing.assert_frame_equal(again.runs, other.runs, check_exact=True)


@pytest.mark.parametrize(
    "column", [{"a": np.zeros(5_000_000)}, {"series": [np.zeros(3_000_000)]}], ids=["rows", "list"]
)
def test_what_unpacks_to_more_than_a_run_is_not_unpacked(tmp_path, column):
    store = tmp_path / "store"
    once(store)
    (path,) = store.glob("*.parquet")
    pd.DataFrame(column).to_parquet(path, compression="zstd")
    assert path.stat().st_size < 1_000_000
    with pytest.warns(ds.RunNotKeptWarning, match="a run has one row of at most 1,000,000 values"):
        once(store)


def test_a_full_disk_costs_no_run(tmp_path, monkeypatch):
    store = tmp_path / "store"
    whole = ds.replicate(small(), 3, rng=7, executor="serial", progress=False)
    RunStore(store)

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.warns(
            ds.RunNotKeptWarning, match=r"No space left on device: '.*\.parquet'.* in what is returned"
        ) as told:
            runs = ds.replicate(small(), 3, rng=7, executor="serial", store=store, progress=False)
        assert len(told) == 1
        with pytest.raises(ds.RunStoreError, match=r"cannot \(.*No space left on device: '.*store\.json'"):
            once(tmp_path / "another")
    pd.testing.assert_frame_equal(runs.runs, whole.runs, check_exact=True)
    assert [path.name for path in store.iterdir()] == ["store.json"]
    ds.replicate(small(), 3, rng=7, executor="serial", store=store, progress=False)
    assert len(kept(store)) == 3


def ended_process():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_drafts_of_the_dead_go_and_those_of_the_living_stay(tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    name = draft_beside(store / "x").name
    dead, mine = name.replace(f"-{os.getpid()}-", f"-{ended_process()}-"), name
    far = name.replace(f"-{os.getpid()}-", f"-{ended_process()}-").replace("draft-", "draft-elsewhere")
    for one in (dead, mine, far, f".store.json-{ended_process()}", f".store.json-{os.getppid()}"):
        (store / one).touch()
    once(store)
    assert (store / "store.json").exists()
    assert sorted(path.name for path in store.glob(".*")) == sorted([mine, far, f".store.json-{os.getppid()}"])
    os.utime(store / far, (0, 0))
    RunStore(store)
    assert not (store / far).exists()


def test_a_hidden_file_of_ones_own_is_no_draft(tmp_path):
    (tmp_path / ".profile").touch()
    with pytest.raises(ds.RunStoreError, match=r"holds no store\.json"):
        RunStore(tmp_path)
    assert (tmp_path / ".profile").exists()


def test_many_may_make_a_store_at_once(tmp_path):
    start = threading.Barrier(8)

    def make(number):
        for turn in range(25):
            start.wait()
            RunStore(tmp_path / str(turn))
        return number

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(make, range(8))) == list(range(8))
    assert all([path.name for path in folder.iterdir()] == ["store.json"] for folder in tmp_path.iterdir())


def test_a_run_whose_trace_was_edited_meanwhile_is_not_kept(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("timestamp,value\n2026-01-01T00:00:00Z,60\n2026-01-01T00:01:00Z,60\n")
    store = RunStore(tmp_path / "store")
    job = Job(ds.Scenario(workload=ds.TraceWrites(trace=str(path)), duration_s=60), replication_seed(7, 0))
    key, measures = store.key(job), perform(job)
    path.write_text(path.read_text().replace("60", "70"))
    with pytest.warns(ds.RunNotKeptWarning, match="was edited meanwhile"):
        store.put(key, job, measures)
    assert not list((tmp_path / "store").glob("*.parquet"))


def processes():
    """Return the state and the parent of every process, as /proc has them."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = entry.read_text().rpartition(")")[2].split()[:2]
        except OSError:  # it ended in this moment
            continue
        found[int(entry.parent.name)] = (state, int(parent))
    return found


def still(numbers):
    """Return which of these processes run; a Z has ended, and nobody has asked yet how."""
    found = processes()
    return [number for number in numbers if found.get(number, "Z")[0] != "Z"]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc to look into")
def test_workers_end_with_the_process_that_they_work_for(tmp_path):
    ran, store = tmp_path / "ran", tmp_path / "store"
    ran.mkdir()
    code = CHILD.replace("pause_s=0.15), 12", "pause_s=0.15), 10_000")
    child = subprocess.Popen([sys.executable, "-c", code, ran, store], cwd=Path(__file__).parent)
    deadline = time.monotonic() + 120
    while len(list(store.glob("*.parquet"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    workers = [number for number, (_, parent) in processes().items() if parent == child.pid]
    assert len(workers) == 2
    child.kill()
    child.wait()
    while still(workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not still(workers)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(ds.RunStoreError, match=r"must be a new folder or one of earlier runs, and .* holds no store"):
        ds.replicate(small(), 1, rng=7, executor="serial", store=tmp_path, progress=False)
    with pytest.raises(ds.RunStoreError, match="is a file"):
        ds.replicate(small(), 1, rng=7, executor="serial", store=tmp_path / "letter.txt", progress=False)
    with pytest.raises(ValueError, match="replicate: store must be a text, a path or None, got 5"):
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
