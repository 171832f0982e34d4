"""What a handler needs, and which view type serves it how."""

from typing import get_args

import pytest

import ddbsim as ds
from ddbsim.analysis.request_units import UNITS_PER_READ
from ddbsim.scenario import EVENT_NAMES, NEEDS, Consistency, read_back_events, served, ways
from ddbsim.widgets.as_code import as_code

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
        told = {R: N if row["each_change"] else "by a read-back, of the item as it is then"}
        expected = [told.get(way, way) for way in WAYS[row["needs"]]]
        assert [row[view_type] for view_type in ds.VIEW_TYPES] == expected


X = "no such image"
# need -> event -> as above: before an INSERT there is no old image, after a REMOVE no new one
BY_EVENT = {
    "keys": {"INSERT": [D, D, D, D], "MODIFY": [D, D, D, D], "REMOVE": [D, D, D, D]},
    "new": {"INSERT": [R, D, R, D], "MODIFY": [R, D, R, D], "REMOVE": [X, X, X, X]},
    "old": {"INSERT": [X, X, X, X], "MODIFY": [N, N, D, D], "REMOVE": [N, N, D, D]},
    "both": {"INSERT": [R, D, R, D], "MODIFY": [N, N, R, D], "REMOVE": [N, N, D, D]},
}
BLIND = {"INSERT": "new", "MODIFY": "both", "REMOVE": "old"}


@pytest.mark.parametrize("event", EVENT_NAMES)
@pytest.mark.parametrize("need", NEEDS)
def test_a_word_for_one_event_is_served_as_the_word_for_all_is_for_that_event(need, event):
    for place, view_type in enumerate(ds.VIEW_TYPES):
        assert ways(need, view_type)[event] == BY_EVENT[need][event][place]
        alone = ways({event: need}, view_type)
        assert alone[event] == BY_EVENT[need][event][place]
        assert [alone[other] for other in EVENT_NAMES if other != event] == [D, D]


def test_needs_by_event_name_ask_for_no_more_than_each_event():
    assert [served(BLIND, view_type) for view_type in ds.VIEW_TYPES] == [N, N, R, D]
    assert [served({"INSERT": "new", "REMOVE": "old"}, v) for v in ds.VIEW_TYPES] == [N, N, R, D]
    assert [served({"REMOVE": "old"}, v) for v in ds.VIEW_TYPES] == [N, N, D, D]
    assert [served({"INSERT": "new"}, v) for v in ds.VIEW_TYPES] == [R, D, R, D]
    assert read_back_events(BLIND, "KEYS_ONLY") == ("INSERT",)
    assert read_back_events(BLIND, "OLD_IMAGE") == ("INSERT", "MODIFY")


@pytest.mark.parametrize("need", NEEDS)
def test_the_same_word_for_each_event_is_that_word(need):
    assert ds.Function(needs=dict.fromkeys(EVENT_NAMES, need)) == ds.Function(needs=need)


def test_an_event_without_a_word_needs_keys():
    function = ds.Function(needs={"MODIFY": "both"})
    assert function.needs == {"INSERT": "keys", "MODIFY": "both", "REMOVE": "keys"}
    assert ds.Function(needs={}).needs == "keys"
    assert hash(function) == hash(ds.Function(needs={"MODIFY": "both"}))


def test_a_function_keeps_needs_that_are_changed_elsewhere_later():
    given = {"MODIFY": "both"}
    function = ds.Function(needs=given)
    given["MODIFY"] = "old"
    assert function.needs["MODIFY"] == "both"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"insert": "new"}, "needs: an event name must be one of 'INSERT', 'MODIFY', 'REMOVE', got 'insert'"),
        ({"REMOVE": "all"}, "needs of REMOVE must be one of 'keys', 'new', 'old', 'both', got 'all'"),
        ({"REMOVE": None}, "needs of REMOVE must be one of 'keys', 'new', 'old', 'both', got None"),
        (("new", "old"), "needs must be one of 'keys', 'new', 'old', 'both', got "),
        (["new"], "needs must be one of 'keys', 'new', 'old', 'both', got "),
    ],
)
def test_needs_by_event_name_are_refused_by_name(wrong, message):
    with pytest.raises(ValueError, match=message):
        ds.Function(needs=wrong)


def test_a_read_back_is_of_the_item_as_it_is_then_and_not_offered_for_audits():
    uses = ds.view_type_uses().set_index("use")
    told = uses.loc["process the latest state downstream"]
    assert told["KEYS_ONLY"] == told["OLD_IMAGE"] == "by a read-back, of the item as it is then"
    for use in ("audit each change in detail", "business logic on what changed", "synchronise a copy, and check it"):
        assert uses.loc[use, list(ds.VIEW_TYPES)].tolist() == [N, N, N, D]
    each = uses[uses["each_change"]][list(ds.VIEW_TYPES)]
    assert not each.apply(lambda column: column.str.contains("read-back")).any(axis=None)


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


@pytest.mark.parametrize("needs", ["new", BLIND, {"MODIFY": "both"}])
def test_needs_and_read_backs_are_written_to_toml_and_read_again(needs):
    function = ds.Function(needs=needs, read_back=ds.ReadBack(batched=True, latency=ds.Exponential(0.004)))
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=1),
        event_source_mappings=ds.EventSourceMapping(function=function),
        duration_s=5,
    )
    assert ds.Scenario.from_toml(scenario.to_toml()) == scenario
    made: dict = {}
    exec(as_code(scenario), made)
    assert made["scenario"] == scenario


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


def test_the_summary_says_which_events_cannot_be_served():
    def notes(needs, view_type):
        scenario = ds.Scenario(
            workload=ds.PoissonWrites(rate_per_s=5),
            stream=ds.Stream(view_type=view_type),
            event_source_mappings=ds.EventSourceMapping(function=ds.Function(name="f", needs=needs)),
            duration_s=5,
        )
        return [note for note in ds.simulate(scenario, rng=7, progress=False).summary.warnings if "needs" in note]

    assert notes(BLIND, "NEW_IMAGE") == [
        "f: its function needs both images of MODIFY and the old image of REMOVE, which NEW_IMAGE leaves out and the "
        "table does not keep: see ds.view_type_uses()"
    ]
    assert notes(BLIND, "OLD_IMAGE") == []
    assert notes({"REMOVE": "new"}, "NEW_IMAGE") == [
        "f: its function needs the new image of REMOVE, which no view type has"
    ]
