"""What a handler needs, and which view type serves it how."""

from typing import get_args

import pytest

import ddbsim as ds
from ddbsim.analysis.request_units import UNITS_PER_READ
from ddbsim.scenario import NEEDS, Consistency, served

D, R, N = "directly", "by a read-back", "not at all"
# in the order of VIEW_TYPES: KEYS_ONLY, NEW_IMAGE, OLD_IMAGE, NEW_AND_OLD_IMAGES
WAYS = {"keys": [D, D, D, D], "new": [R, D, R, D], "old": [N, N, D, D], "both": [N, N, R, D]}


@pytest.mark.parametrize("needs", NEEDS)
def test_a_view_type_serves_a_need_directly_by_a_read_back_or_not_at_all(needs):
    assert [served(needs, view_type) for view_type in ds.VIEW_TYPES] == WAYS[needs]


def test_the_table_of_every_introduction_follows_from_the_rule():
    uses = ds.view_type_uses()
    assert uses.groupby("leanest", sort=False)["use"].agg(list).to_dict() == {
        "KEYS_ONLY": ["notify that something changed", "audit that something changed"],
        "NEW_IMAGE": ["process the latest state downstream"],
        "OLD_IMAGE": ["revert a change", "audit what was there before"],
        "NEW_AND_OLD_IMAGES": [
            "business logic on what changed",
            "synchronise a copy, and check it",
            "audit each change in detail",
        ],
    }
    for row in uses.to_dict("records"):
        assert [row[view_type] for view_type in ds.VIEW_TYPES] == WAYS[row["needs"]]


def test_consistencies_are_those_that_have_a_price():
    assert set(get_args(Consistency)) == set(UNITS_PER_READ)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"consistency": "weak"},
            "ReadBack.consistency must be one of 'eventual', 'strong', 'transactional', got 'weak'",
        ),
        ({"batched": 1}, "ReadBack.batched must be True or False, got 1"),
        ({"latency": -1}, "ReadBack.latency: .*, got -1"),
    ],
)
def test_a_read_back_refuses_what_no_handler_can_do(wrong, message):
    with pytest.raises(ValueError, match=message):
        ds.ReadBack(**wrong)


def test_a_function_refuses_an_unknown_need():
    with pytest.raises(ValueError, match="Function 'f': needs must be one of 'keys', 'new', 'old', 'both', got 'all'"):
        ds.Function(name="f", needs="all")
    with pytest.raises(ValueError, match=r"Function 'f': read_back must be ReadBack\(...\), got 'strong'"):
        ds.Function(name="f", read_back="strong")


def test_needs_and_read_backs_are_written_to_toml_and_read_again():
    function = ds.Function(needs="new", read_back=ds.ReadBack(batched=True, latency=ds.Exponential(0.004)))
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=1),
        event_source_mappings=ds.EventSourceMapping(function=function),
        duration_s=5,
    )
    assert ds.Scenario.from_toml(scenario.to_toml()) == scenario


def test_the_summary_says_what_cannot_be_served():
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=5),
        stream=ds.Stream(view_type="KEYS_ONLY"),
        event_source_mappings=ds.EventSourceMapping(function=ds.Function(name="revert", needs="old")),
        duration_s=5,
    )
    assert (
        "revert: its function needs the old image, which KEYS_ONLY leaves out and the table does not keep: see "
        "ds.view_type_uses()"
    ) in str(ds.simulate(scenario, rng=7, progress=False).summary)
