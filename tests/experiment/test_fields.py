"""Fields by name, and scenarios with other values in them."""

from dataclasses import replace

import pytest
from small_experiments import small

import ddbsim as ds
from ddbsim.experiment.vary.fields import field_value, grid, paths_of, variants, vary

SHARED = ds.Function(name="indexer", memory_mb=512)
ONE = ds.Scenario(
    workload=ds.PoissonWrites(rate_per_s=5, keys=ds.Zipfian(items=100)),
    event_source_mappings=ds.EventSourceMapping(function=SHARED),
    duration_s=10,
)
TWO = replace(
    ONE,
    event_source_mappings=(
        ds.EventSourceMapping(name="a", function=SHARED),
        ds.EventSourceMapping(name="b", function=SHARED, batch_size=10),
    ),
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 7),
        ("event_source_mappings.batch_size", 7),
        ("event_source_mappings[indexer].batch_size", 7),
        ("memory_mb", 1024),
        ("function.timeout_s", 9),
        ("rate_per_s", 7),
        ("workload.keys.theta", 0.5),
        ("keys", ds.UniformKeys(items=3)),
        ("interval_s", 0.5),
        ("warmup_s", 2.0),
        ("name", "a title"),
        ("partitions", 8),
    ],
)
def test_a_field_is_set_by_any_name_that_is_its_own(name, value):
    varied = vary(ONE, {name: value})
    assert field_value(varied, name) == value
    assert varied != ONE


def test_everything_else_stays():
    assert vary(vary(ONE, {"batch_size": 7}), {"batch_size": 100}) == ONE


def test_a_field_of_two_mappings_needs_its_path():
    with pytest.raises(ValueError, match=r"'batch_size' names several fields: .*mappings\[a\].batch_size, .*\[b\]"):
        vary(TWO, {"batch_size": 10})
    varied = vary(TWO, {"event_source_mappings[b].batch_size": 2})
    assert [mapping.batch_size for mapping in varied.mappings] == [100, 2]


def test_a_function_that_two_mappings_share_is_one_field():
    varied = vary(TWO, {"memory_mb": 1024})
    assert {mapping.function.memory_mb for mapping in varied.mappings} == {1024}


def test_more_memory_makes_the_handler_faster_than_where_it_was_measured():
    law = vary(ONE, {"memory_mb": 1024}).mappings[0].function.duration
    assert law.measured_at_mb == 512
    assert law.mean_s(1, 0, 1024) == pytest.approx(law.base_s / 2)
    assert vary(ONE, {"memory_mb": 512}) == ONE
    told = vary(ONE, {"measured_at_mb": 128})
    assert vary(told, {"memory_mb": 256}).mappings[0].function.duration.measured_at_mb == 128


def test_values_are_checked_together_not_one_by_one():
    varied = vary(ONE, {"warmup_s": 50.0, "duration_s": 60.0})
    assert (varied.warmup_s, varied.length_s) == (50.0, 60.0)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"batchsize": 5}, r"no field 'batchsize'; did you mean event_source_mappings.batch_size"),
        ({"zzz": 5}, r"no field 'zzz'; its fields are workload, .*account_concurrency"),
        ({"": 5}, "named by a text"),
        ({"batch_size": 0}, r"batch_size must be a whole number in 1..10000, got 0"),
        ({"batch_size": 5, "event_source_mappings.batch_size": 6}, "given twice"),
        ({"keys": ds.UniformKeys(items=3), "keys.items": 6}, "keys and a field within it cannot both"),
    ],
)
def test_what_cannot_be_varied_is_told(setting, message):
    with pytest.raises(ValueError, match=message):
        vary(ONE, setting)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "at least one, got {}"),
        ([1], r"got \[1\]"),
        ({"batch_size": []}, "batch_size must have one or more values"),
        ({"batch_size": 5}, r"write \[5\]"),
        ({"view_type": "KEYS_ONLY"}, r"write \['KEYS_ONLY'\]"),
        ({"batch_size": [5, 6, 5]}, "got 5 twice"),
    ],
)
def test_an_empty_or_malformed_space_is_told(space, message):
    with pytest.raises(ValueError, match=message):
        grid(space)


def test_a_refused_combination_is_kept_with_its_reason():
    one, other = variants(ONE, grid({"reserved_concurrency": [5, 5_000]}))
    assert one.scenario.mappings[0].function.reserved_concurrency == 5
    assert other.scenario is None
    assert "at most account_concurrency" in other.note


def test_a_trap_is_a_remark_on_its_setting():
    small, large = variants(ONE, grid({"batch_size": [100, 5_000]}))
    assert small.note == ""
    assert "batching window" in large.note


def test_a_contradictory_space_is_told():
    with pytest.raises(ValueError, match=r"no setting of this space makes a scenario; the first is refused: .*10000"):
        variants(ONE, grid({"batch_size": [0, 20_000]}))


def test_every_path_names_its_own_field():
    for scenario in (ONE, TWO):
        for path in paths_of(scenario):
            assert field_value(scenario, path) is not NotImplemented


SLO = ds.SLO(latency_p99_s=2.0)


@pytest.mark.parametrize(
    "ask",
    [
        lambda scenario, **options: ds.replicate(scenario, 2, **options),
        lambda scenario, **options: ds.sweep(scenario, {"batch_size": [1]}, **options),
        lambda scenario, **options: ds.solve(scenario, slo=SLO, vary={"batch_size": [1]}, **options),
        lambda scenario, **options: ds.drain(scenario, outage_s=60, **options),
        lambda scenario, **options: ds.headroom(scenario, slo=SLO, **options),
        lambda scenario, **options: ds.tornado(scenario, {"batch_size": (1, 10)}, **options),
        lambda scenario, **options: ds.latin_hypercube(scenario, {"batch_size": (1, 10)}, points=2, **options),
    ],
)
def test_every_question_needs_a_scenario_and_a_seed(ask):
    with pytest.raises(ValueError, match=r"scenario must be Scenario\(\.\.\.\), got 'small'"):
        ask("small", rng=7, executor="serial", progress=False)
    with pytest.raises(ValueError, match=r"rng must be a whole number >= 0, a numpy SeedSequence or .*, got 'seven'"):
        ask(small(), rng="seven", executor="serial", progress=False)
