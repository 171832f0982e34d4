"""Seeds: what a result is told by is what one types to have it again."""

import numpy as np
import pytest

import ddbsim as ds
from ddbsim.randomness import RandomStreams

SCENARIO = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=20)

SEEDS = {
    "a number": 5,
    "a large one": 2**200,
    "numpy's number": np.int64(5),
    "spawned": np.random.SeedSequence(5).spawn(3)[1],
    "spawned twice": np.random.SeedSequence(5, spawn_key=(0, 12)),
    "several words": np.random.SeedSequence([1, 2, 3]),
    "an array": np.random.SeedSequence(np.array([1, 2]), spawn_key=(4,)),
    "a list": [1, 2],
    "a generator": np.random.default_rng(3),
    "none": None,
    "a text": "5/0",
}


@pytest.mark.parametrize("rng", SEEDS.values(), ids=SEEDS)
def test_the_seed_of_a_result_makes_it_again(rng):
    first = ds.simulate(SCENARIO, rng=rng, progress=False)
    again = ds.simulate(SCENARIO, rng=first.seed, progress=False)
    assert again.seed == first.seed
    assert again.invocations.equals(first.invocations)
    assert again.writes.equals(first.writes)


def test_different_seeds_have_different_texts():
    seeds = [RandomStreams(rng).seed for rng in (1, 10, [1, 2], np.random.SeedSequence(1, spawn_key=(0,)))]
    assert seeds == ["1", "10", "[1, 2]", "1/0"]
    assert len({RandomStreams(seed)("a").random() for seed in seeds}) == 4


def test_a_replication_can_be_run_by_itself():
    runs = ds.replicate(SCENARIO, 3, rng="7/2", executor="serial", progress=False)
    alone = ds.simulate(SCENARIO, rng=runs.runs["seed"].iloc[1], progress=False)
    assert alone.seed == "7/2/1"
    assert len(alone.invocations) == runs.runs["invocations"].iloc[1]


@pytest.mark.parametrize(
    "rng",
    [True, False, np.True_, -1, 1.5, "", "x", "True", "-1", "1.5", "5/", "/5", "5/-1", "5//0", "٣", "[]", "9" * 5000],
)
def test_what_is_no_seed_is_refused_in_one_sentence(rng):
    with pytest.raises(ValueError, match=r"^rng must be a whole number >= 0, .* or None, got [^\n]{1,63}$"):
        ds.simulate(SCENARIO, rng=rng, progress=False)
