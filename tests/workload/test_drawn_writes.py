import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ddbsim.distributions import LogNormal, Uniform
from ddbsim.randomness import RandomStreams
from ddbsim.workload import (
    OPERATIONS,
    ConstantWrites,
    HotSet,
    OperationMix,
    PoissonWrites,
    Ramp,
    SequentialKeys,
    UniformKeys,
    Workload,
    Zipfian,
)
from ddbsim.workload.chains import chained
from ddbsim.workload.operations import CREATE


@st.composite
def mixes(draw):
    remove, more, modify, no_op = (draw(st.just(0.0) | st.floats(0.01, 1.0)) for _ in range(4))
    total = 2 * remove + more + modify + no_op
    assume(total > 0)
    remove, more, modify, no_op = (part / total for part in (remove, more, modify, no_op))
    existing = draw(st.none() | st.floats(0, 1))
    insert = 1 - remove - modify - no_op
    return OperationMix(insert=max(insert, remove), modify=modify, remove=remove, no_op=no_op, existing=existing)


WORKLOADS = st.builds(
    PoissonWrites,
    rate_per_s=st.floats(0, 200),
    item_bytes=st.sampled_from([700, LogNormal(median=900, p99=300_000), Uniform(36, 200)]),
    keys=st.integers(1, 60).flatmap(
        lambda items: st.sampled_from([UniformKeys(items=items), Zipfian(items=items), SequentialKeys(items=items)])
    ),
    operations=mixes(),
)


def replay(writes, items):
    """Replay the writes on a dict of items, assert that each is possible, and return how often each kind was met."""
    table, seen, counts = {}, set(), dict.fromkeys(OPERATIONS, 0)
    columns = (writes.item_id, writes.operation, writes.bytes_before, writes.bytes_after)
    for item, code, before, after in zip(*(column.tolist() for column in columns), strict=True):
        operation = OPERATIONS[code]
        if item not in seen and item < items and before:
            table[item] = before  # it was there at the start
        seen.add(item)
        assert table.get(item, 0) == before
        assert (before > 0) == (operation in ("MODIFY", "REMOVE") or (operation == "NO_OP" and after > 0))
        assert (after > 0) == (operation in ("MODIFY", "INSERT") or (operation == "NO_OP" and before > 0))
        assert operation != "NO_OP" or before == after
        assert after == 0 or writes.key_bytes <= after <= 409_600
        table[item] = after
        counts[operation] += 1
    return counts


@settings(max_examples=150, deadline=None)
@given(WORKLOADS, st.integers(0, 2**32))
def test_every_write_is_possible_and_finds_what_the_last_one_left(workload, seed):
    writes = workload.draw(5, RandomStreams(seed))
    counts = replay(writes, workload.keys.items)
    assert sum(counts.values()) == len(writes)
    new = writes.item_id[writes.item_id >= workload.keys.items]
    assert new.tolist() == list(range(workload.keys.items, workload.keys.items + len(new)))


@settings(max_examples=40, deadline=None)
@given(mixes(), st.integers(0, 2**32))
def test_shares_approach_the_mix(mix, seed):
    changes = mix.modify + 2 * mix.remove
    assume(not changes or changes > 0.05)  # else an item is not changed often enough to forget how it began
    workload = ConstantWrites(rate_per_s=400, keys=UniformKeys(items=20), operations=mix)
    writes = workload.draw(100, RandomStreams(seed))
    shares = np.bincount(writes.operation, minlength=4) / len(writes)
    wanted = np.array([mix.insert, mix.modify, mix.remove, mix.no_op])
    start = 20 / len(writes)  # each item may begin in another state than the long run's
    assert np.abs(shares - wanted).max() <= 6 * math.sqrt(0.5 / len(writes)) + 2 * start


def test_the_mix_holds_from_the_first_write_unless_told_how_many_items_exist():
    def first_shares(existing):
        mix = OperationMix(insert=0.3, modify=0.3, remove=0.2, no_op=0.2, existing=existing)
        workload = ConstantWrites(rate_per_s=20_000, keys=SequentialKeys(items=20_000), operations=mix)
        return np.bincount(workload.draw(1, RandomStreams(5)).operation, minlength=4) / 20_000

    assert first_shares(None).tolist() == pytest.approx([0.3, 0.3, 0.2, 0.2], abs=0.02)
    assert first_shares(0.0).tolist() == pytest.approx([0.8, 0.0, 0.0, 0.2], abs=0.02)
    assert first_shares(1.0).tolist() == pytest.approx([0.1, 0.42, 0.28, 0.2], abs=0.02)


def test_a_whole_chain_as_one_would_write_it_down():
    put, flip, idle, create = 0, 1, 2, 3
    intents = np.array([put, flip, flip, put, idle, flip, create, flip, idle, put], dtype=np.int8)
    item_id = np.array([1, 1, 2, 1, 1, 1, 9, 1, 2, 2])
    sizes = np.arange(100, 110, dtype=np.int32)
    changes = chained(intents, item_id, sizes, lambda items: np.array([50, 0], dtype=np.int32)[:items])
    names = [OPERATIONS[code] for code in changes.operation]
    story = list(zip(item_id.tolist(), names, changes.bytes_before.tolist(), changes.bytes_after.tolist(), strict=True))
    assert story == [
        (1, "MODIFY", 50, 100),
        (1, "REMOVE", 100, 0),
        (2, "INSERT", 0, 102),
        (1, "INSERT", 0, 103),
        (1, "NO_OP", 103, 103),
        (1, "REMOVE", 103, 0),
        (9, "INSERT", 0, 106),
        (1, "INSERT", 0, 107),
        (2, "NO_OP", 102, 102),
        (2, "MODIFY", 102, 109),
    ]


def test_item_ids_too_large_to_pack_are_chained_as_well():
    intents = np.array([0, 1, 0, 3], dtype=np.int8)
    sizes = np.array([10, 20, 30, 40], dtype=np.int32)
    ids = np.array([2**61, 7, 2**61, 2**62])
    changes = chained(intents, ids, sizes, lambda items: np.full(items, 5, dtype=np.int32))
    assert changes.operation.tolist() == [1, 2, 1, 0]
    assert changes.bytes_before.tolist() == [5, 5, 10, 0]
    assert changes.bytes_after.tolist() == [10, 0, 30, 40]
    assert intents[-1] == CREATE


def test_the_short_way_for_one_size_gives_what_the_long_way_gives():
    mix = {"insert": 0.2, "modify": 0.5, "no_op": 0.3}
    drawn = [
        PoissonWrites(rate_per_s=500, item_bytes=size, operations=OperationMix(**mix)).draw(2, RandomStreams(3))
        for size in (800, Uniform(800, 800))
    ]
    for name in ("at_s", "item_id", "operation", "bytes_before", "bytes_after"):
        assert getattr(drawn[0], name).tolist() == getattr(drawn[1], name).tolist()
        assert getattr(drawn[0], name).dtype == getattr(drawn[1], name).dtype


def test_one_seed_is_one_set_of_writes_and_other_keys_leave_times_and_sizes_alone():
    def draw(seed, keys):
        return PoissonWrites(rate_per_s=100, item_bytes=Uniform(100, 900), keys=keys).draw(10, RandomStreams(seed))

    uniform = UniformKeys(items=1000)
    first, again, other = draw(1, uniform), draw(1, uniform), draw(2, uniform)
    hot = draw(1, HotSet(items=1000, hot_items=3, hot_share=0.9))
    assert first.item_id.tolist() == again.item_id.tolist()
    assert first.bytes_before.tolist() == again.bytes_before.tolist()
    assert first.at_s.tolist() != other.at_s.tolist()
    assert first.at_s.tolist() == hot.at_s.tolist()
    assert first.bytes_after.tolist() == hot.bytes_after.tolist()
    assert first.item_id.tolist() != hot.item_id.tolist()


def test_what_a_workload_promises():
    workload = PoissonWrites(rate_per_s=Ramp(0, 100, over_s=10), item_bytes=LogNormal(median=900, sigma=0.5))
    assert isinstance(workload, Workload)
    assert workload.expected_writes(20) == 1500
    assert workload.mean_item_bytes == pytest.approx(900 * math.exp(0.125))
    assert workload.duration_s is None
    assert abs(len(workload.draw(20, RandomStreams(1))) - 1500) <= 6 * math.sqrt(1500)
    assert len(ConstantWrites(rate_per_s=10).draw(3, RandomStreams(1))) == 30


def test_no_writes_are_empty_columns():
    writes = PoissonWrites(rate_per_s=0, item_bytes=Uniform(100, 200)).draw(10, RandomStreams(1))
    assert len(writes) == 0
    assert writes.bytes_before.dtype == np.int32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PoissonWrites(rate_per_s=-1), "PoissonWrites: rate_per_s must be a finite number >= 0, got -1"),
        (lambda: ConstantWrites(rate_per_s="x"), "ConstantWrites: rate_per_s must be a finite number >= 0, got 'x'"),
        (
            lambda: PoissonWrites(rate_per_s=1, item_bytes=500_000),
            r"PoissonWrites: item_bytes must have a mean of 36..409600 \(key_bytes to the largest item\), got 500000",
        ),
        (lambda: PoissonWrites(rate_per_s=1, item_bytes=20), "item_bytes must have a mean of 36..409600 .*, got 20"),
        (lambda: PoissonWrites(rate_per_s=1, item_bytes="big"), "a distribution must be a finite number .*got 'big'"),
        (lambda: PoissonWrites(rate_per_s=1, keys=5), "PoissonWrites: keys must be Keys, got 5"),
        (lambda: PoissonWrites(rate_per_s=1, operations={}), "operations must be OperationMix, got {}"),
        (lambda: PoissonWrites(rate_per_s=1, key_bytes=0), "key_bytes must be a finite number >= 1, got 0"),
        (
            lambda: PoissonWrites(rate_per_s=1).draw(0, RandomStreams(1)),
            "duration_s must be a finite number > 0, got 0",
        ),
        (lambda: OperationMix(insert=0.5), "insert, modify, remove and no_op must sum to 1, got 1.5"),
        (lambda: OperationMix(modify=0.9, remove=0.1), r"OperationMix: remove must be <= insert \(0\), got 0.1"),
        (lambda: OperationMix(existing=1.5), r"OperationMix: existing must be a number in \[0, 1\], got 1.5"),
    ],
)
def test_wrong_values_are_told(make, message):
    with pytest.raises(ValueError, match=message):
        make()
