import pytest
from hypothesis import given
from random_scenarios import scenarios

import ddbsim as ds
from ddbsim.widgets.as_code import as_code


def evaluated(code):
    names = {}
    exec(code, names)
    return names["scenario"]


@given(scenarios())
def test_the_code_of_a_scenario_makes_an_equal_one(scenario):
    code = as_code(scenario)
    assert evaluated(code) == scenario
    assert max(map(len, code.splitlines())) <= 100


def test_texts_with_quotes_come_back():
    for name in ("it's", 'say "ds"', "back\\slash", "naïve → 日本"):
        scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=1), duration_s=1, name=name)
        assert evaluated(as_code(scenario)) == scenario


def test_what_is_no_text_is_named():
    columns = {"at_s": [1.0], "item_id": [1], "operation": ["INSERT"], "bytes_before": [0], "bytes_after": [99]}
    scenario = ds.Scenario(workload=ds.ReplayWrites(columns=columns), duration_s=2)
    with pytest.raises(ValueError, match="columns cannot be written as code: it holds WriteColumns"):
        as_code(scenario)
