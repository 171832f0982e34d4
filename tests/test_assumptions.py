import dataclasses

import pytest

import ddbsim as ds
from ddbsim.aws import behaviour, capacity, limits, transports
from ddbsim.aws.facts import facts_in

FACTS = [fact for module in (limits, behaviour, capacity, transports) for fact in facts_in(vars(module).values())]
SCENARIO = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=5), duration_s=10)


@pytest.mark.parametrize("fact", [fact for fact in FACTS if fact.parameter], ids=lambda fact: fact.name)
def test_a_fact_is_the_default_of_the_field_that_it_names(fact):
    owner, _, name = fact.parameter.partition(".")
    cls = getattr(ds, owner)
    default = _default(cls, name)
    if isinstance(default, ds.Distribution):
        # a fact is one number of the distribution
        numbers = {part for part in dataclasses.asdict(default).values() if part is not None}
        numbers |= {round(default.median - default.shift, 12)} if isinstance(default, ds.LogNormal) else set()
        assert fact.value in numbers
    else:
        assert default == fact.value


def _default(cls, name):
    if isinstance(getattr(cls, name), property):
        # what the other fields' defaults make of it
        return getattr(cls(), name)
    field = next(field for field in dataclasses.fields(cls) if field.name == name)
    return field.default_factory() if field.default is dataclasses.MISSING else field.default


def test_every_fact_says_where_it_comes_from():
    frame = ds.assumptions()
    assert len(frame) == len(FACTS)
    assert frame["name"].is_unique
    assert (frame[["status", "source", "date", "meaning"]] != "").all().all()
    assert set(frame["status"]) == {"documented", "measured", "assumed"}


def test_a_scenario_says_what_it_touches_and_holds():
    lanes = dataclasses.replace(
        SCENARIO, event_source_mappings=ds.EventSourceMapping(parallelization_factor=4, batch_size=7)
    )
    frame = ds.assumptions(lanes).set_index("name")
    assert frame.loc["lane_hash", "touched"]
    assert not ds.assumptions(SCENARIO).set_index("name").loc["lane_hash", "touched"]
    assert frame.loc["batch_size", "in_scenario"] == "7"


def test_a_result_names_the_assumptions_that_it_rests_on():
    used = ds.simulate(SCENARIO, rng=1, progress=False).assumptions()
    assert set(used["status"]) == {"assumed"}
    assert "turnaround_s" not in set(used["name"])  # measured
    assert "placement_s" in set(used["name"])
