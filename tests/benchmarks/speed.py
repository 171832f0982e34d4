"""Records per second of `simulate`, beside the tutorial style of SimPy, other simulators, and the floor.

    python tests/benchmarks/speed.py

All in one run. On a noisy machine only ratios mean something, and only of what ran under the same conditions: each
contestant has its turn in every round, of at least as many seconds (a short one is repeated, so it has no better
chance of a quiet moment than a long one), every second round goes backwards (a drift cancels), and a ratio is taken
within its round. The table shows the median of the rounds' ratios, and the least and the largest of them.
What a contestant handles is told beside it: only the tutorial style and the floor do the same work as ddbsim.
SimFaaS and Ciw come with the `bench` extra, and are left out where they are not installed.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import io
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import simpy

import ddbsim as ds
from ddbsim.randomness import RandomStreams
from ddbsim.run import draw_writes
from ddbsim.system.stream.publish import publish

SEED = 7
ROUNDS = 3
TURN_S = 8.0
PINNED = ("stream_log", "invocations", "writes", "shards", "discards", "metrics")


def scenario(duration_s: float) -> ds.Scenario:
    """5,000 writes/s on 8 shards, the default mapping."""
    law = ds.Duration(base_s=0.015, per_record_s=0.0004)
    return ds.Scenario(
        workload=ds.PoissonWrites(
            rate_per_s=5_000, item_bytes=ds.LogNormal(median=900, p99=4_000), keys=ds.Zipfian(items=100_000)
        ),
        table=ds.Table(partitions=8),
        event_source_mappings=ds.EventSourceMapping(function=ds.Function(memory_mb=512, duration=law)),
        duration_s=duration_s,
    )


def simulate(duration_s: float, *frames: str) -> int:
    """Run ddbsim up to finished frames; return the records."""
    result = ds.simulate(scenario(duration_s), rng=SEED, progress=False)
    for name in frames:
        result.frame(name)
    return len(result.stream_log)


def floor(duration_s: float) -> int:
    """Draw and sort the same log with numpy alone, and do nothing else.

    The same draws (gaps of arrivals summed up, Zipfian keys, lognormal sizes before and after), the item's partition,
    SizeBytes, a delay per second and shard, and a stable sort into shards. Sizes before are drawn, not looked up.
    """
    rng = np.random.default_rng(SEED)
    n = rng.poisson(5_000 * duration_s)
    at = np.cumsum(rng.standard_exponential(n)) / 5_000
    item = ds.Zipfian(items=100_000).draw(n, rng)
    before, after = (np.exp(rng.normal(np.log(900), 0.64, n)).astype(np.int32) for _ in range(2))
    partition = (rng.permutation(100_000) % 8).astype(np.uint16)[item]
    size = 36 + before + after
    visible = at + rng.lognormal(-3, 1, int(at[-1]) + 1)[at.astype(np.intp)]
    order = np.argsort(partition, kind="stable")
    columns = [column[order] for column in (at, item, size, visible)]
    return len(columns[0])


def tutorial(duration_s: float) -> int:
    """Run the same in the style of SimPy's tutorials: a process per record, a Store per shard."""
    chosen = scenario(duration_s)
    streams = RandomStreams(SEED)
    writes = draw_writes(chosen, streams)
    stream = publish(chosen, writes, streams)
    env, done = simpy.Environment(), []

    def record(store: simpy.Store, written_s: float, visible_s: float):
        yield env.timeout(visible_s)
        yield store.put(written_s)

    def consumer(store: simpy.Store):
        while True:
            yield env.timeout(0.25 - env.now % 0.25)
            while store.items:
                batch = []
                while store.items and len(batch) < 100:
                    batch.append((yield store.get()))
                yield env.timeout(0.015 + 0.0004 * len(batch))
                done.extend((written_s, env.now) for written_s in batch)

    for shard in stream.shards:
        store = simpy.Store(env)
        env.process(consumer(store))
        for written_s, visible_s in zip(stream.written_s[shard.record].tolist(), shard.visible_s.tolist(), strict=True):
            env.process(record(store, written_s, visible_s))
    env.run(until=duration_s + 2)
    return len(done)


def simfaas() -> int:
    """Run SimFaaS's README example shortened: requests at 0.9/s."""
    from simfaas.ServerlessSimulator import ServerlessSimulator

    simulator = ServerlessSimulator(
        arrival_rate=0.9, warm_service_rate=1 / 1.991, cold_service_rate=1 / 2.244, expiration_threshold=600,
        max_time=100_000,
    )  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        simulator.generate_trace(debug_print=False, progress=False)
    return simulator.total_req_count


def ciw() -> int:
    """Run an M/M/1 queue in Ciw."""
    import ciw as queueing

    network = queueing.create_network(
        arrival_distributions=[queueing.dists.Exponential(0.8)],
        service_distributions=[queueing.dists.Exponential(1.0)],
        number_of_servers=[1],
    )
    queueing.seed(SEED)
    simulation = queueing.Simulation(network)
    simulation.simulate_until_max_time(50_000)
    return len(simulation.get_all_records())


def turn(run: Callable[[], int]) -> float:
    """Return what a contestant handles in a second, over a turn of at least `TURN_S`."""
    gc.collect()  # nobody pays for another's garbage
    handled, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < TURN_S:
        handled += run()
    return handled / (time.perf_counter() - begin)


def per_s(run: Callable[[], int]) -> float:
    """Return what a run handles in a second of the wall clock."""
    begin = time.perf_counter()
    handled = run()
    return handled / (time.perf_counter() - begin)


def child(code: str) -> list[float]:
    """Run code in a fresh interpreter; return the numbers it prints."""
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    return [float(word) for word in out.split()]


PEAK = """
import sys
sys.path.insert(0, {folder!r})
import speed
# not ru_maxrss: a child process starts with its parent's
peak = lambda: next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
before = peak()
records = speed.simulate(600.0, *{frames!r})
print((peak() - before) / records)
"""
IMPORT = "import time; t = time.perf_counter(); import {modules}; print(time.perf_counter() - t)"


def contestants() -> dict[str, tuple[str, Callable[[], int]]]:
    """Return what each contestant handles, and how it runs."""
    same = "records, the same writes"
    present: dict[str, tuple[str, Callable[[], int]]] = {
        "ddbsim, pinned frames": (same, lambda: simulate(600.0, *PINNED)),
        "ddbsim, and latency_parts": (same, lambda: simulate(600.0, *PINNED, "latency_parts")),
        "floor: numpy draws and sorts": ("records, as many and alike", lambda: floor(600.0)),
        # a fifth of the run, in its favour: it is slower the longer it is, every record waiting in one heap; no frames
        "SimPy, tutorial style": ("records, the same writes for 120 s", lambda: tutorial(120.0)),
    }
    others = {
        "simfaas": ("requests at 0.9/s to one function: no stream, no batches", simfaas),
        "ciw": ("customers of an M/M/1 queue: no stream, no batches", ciw),
    }
    for name, other in others.items():
        if importlib.util.find_spec(name):
            present[name] = other
        else:
            print(f"{name} is left out: install the bench extra")
    return present


def compare() -> None:
    """Print the table of contestants."""
    present = contestants()
    names = list(present)
    simulate(5.0, *PINNED)  # what loads on first use
    rounds = []
    for number in range(ROUNDS):
        order = names[::-1] if number % 2 else names
        rounds.append({name: turn(present[name][1]) for name in order})
    print(f"{'':30}{'per second':>12}{'ddbsim / it':>13}{'least..largest':>20}  handles")
    for name, (handles, _) in present.items():
        ratios = sorted(one[names[0]] / one[name] for one in rounds)
        rate = statistics.median(one[name] for one in rounds)
        spread = f"{ratios[0]:.2f}..{ratios[-1]:.2f}"
        print(f"{name:30}{rate:12,.0f}{statistics.median(ratios):13.2f}{spread:>20}  {handles}")


def main() -> None:
    """Print the table, then memory, growth with simulated time, events per batch and the time of the import."""
    compare()
    for frames in (PINNED, (*PINNED, "latency_parts")):
        (peak,) = child(PEAK.format(folder=str(__file__).rsplit("/", 1)[0], frames=frames))
        print(f"peak memory, {len(frames)} frames: {peak:.0f} bytes per record")
    for duration_s in (150.0, 300.0, 600.0):
        rate = per_s(lambda d=duration_s: simulate(d, *PINNED))
        print(f"{duration_s:5.0f} s simulated: {rate:,.0f} records per second")
    result = ds.simulate(scenario(60.0), rng=SEED, progress=False)
    print(f"SimPy events per batch: {result.simpy_events / len(result.invocations):.2f}")
    times = {
        modules: statistics.median(child(IMPORT.format(modules=modules))[0] for _ in range(7))
        for modules in ("numpy, pandas, simpy", "ddbsim")
    }
    base, own = times.values()
    print(f"import: ddbsim {own:.2f} s, numpy, pandas and simpy {base:.2f} s, ratio {own / base:.2f}")


if __name__ == "__main__":
    main()
