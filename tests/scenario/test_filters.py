"""What a mapping and a scenario say of filters, and how often."""

import pickle
import warnings
from dataclasses import replace

import pytest

import ddbsim as ds
from ddbsim.scenario import filter_notes

N_NUMERIC = {"dynamodb": {"NewImage": {"n": {"N": [{"numeric": [">", 5]}]}}}}
OLD = {"dynamodb": {"OldImage": {"n": {"N": ["1"]}}}}
INSERT = {"eventName": ["INSERT"]}
# each with the view type of its stream
FIELD_CASES = [
    (N_NUMERIC, "NEW_IMAGE", "holds the number as text"),
    ({"body": {"eventName": ["INSERT"]}}, "NEW_IMAGE", "records have no field body"),
    ({"eventName": ["Insert"]}, "NEW_IMAGE", "eventName is INSERT"),
    (OLD, "NEW_IMAGE", "a stream of NEW_IMAGE has no OldImage"),
    ({"userIdentity": {"type": ["service"]}}, "NEW_IMAGE", "userIdentity.type is Service"),
    ({"dynamodb": {"NewImage": {"state": ["a"]}}}, "NEW_IMAGE", "is no value itself"),
]
WRITES = ds.ItemWrites([(0.0, "put", {"pk": "a", "n": 1}), (1.0, "put", {"pk": "a", "n": 9})])


def mapping(*patterns, **fields):
    return ds.EventSourceMapping(filter_criteria=patterns, **fields)


def scenario(*patterns, view_type="NEW_AND_OLD_IMAGES", **fields):
    return ds.Scenario(
        workload=fields.pop("workload", WRITES),
        duration_s=5,
        stream=ds.Stream(view_type=view_type),
        event_source_mappings=mapping(*patterns, **fields),
    )


def quietly(make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ds.IneffectiveSettingWarning)
        return make()


@pytest.mark.parametrize(("pattern", "view_type", "words"), FIELD_CASES, ids=lambda value: str(value)[:40])
def test_a_filter_that_lets_nothing_through_warns_when_typed_and_in_the_summary(pattern, view_type, words):
    with pytest.warns(ds.FilterMatchesNothing, match=rf"filter lets no record through: .*{words}") as caught:
        typed = scenario(pattern, view_type=view_type)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    result = ds.simulate(typed, rng=7)
    assert set(result.stream_log["outcome"]) == {"filtered"}
    (note,) = [note for note in result.summary.warnings if "filter" in note]
    assert note.startswith("function: the filter lets no record through: ")
    assert words in note


def test_one_pattern_of_several_is_told_of_by_its_number():
    with pytest.warns(
        ds.FilterMatchesNothing, match="'function': .*pattern 2 of the filter can never match: eventName"
    ):
        made = scenario(INSERT, {"eventName": ["Insert"]})
    assert filter_notes(made) == [
        "function: pattern 2 of the filter can never match: eventName is INSERT, MODIFY or REMOVE, in capitals"
    ]


def test_of_several_that_all_match_nothing_the_last_to_be_known_tells_all():
    with pytest.warns(ds.FilterMatchesNothing) as caught:
        scenario({"eventName": ["Insert"]}, OLD, view_type="KEYS_ONLY")
    texts = [str(one.message) for one in caught]
    assert len(texts) == 2
    assert "pattern 1 of the filter can never match" in texts[0]
    assert "no record through: pattern 1: eventName" in texts[1]
    assert "; pattern 2: dynamodb.OldImage.n.N: a stream of KEYS_ONLY has no OldImage" in texts[1]


def test_what_was_told_is_told_once():
    with pytest.warns(ds.FilterMatchesNothing) as caught:
        first = scenario(OLD, view_type="NEW_IMAGE")
    assert len(caught) == 1
    # warnings are errors in these tests
    copies = [
        replace(first, duration_s=7),
        ds.vary(first, {"batch_size": 7}),
        replace(first, event_source_mappings=replace(first.mappings[0], name="other")),
        pickle.loads(pickle.dumps(first)),
    ]
    for copied in copies:
        assert replace(copied, name="x").mappings[0].filter_criteria == first.mappings[0].filter_criteria
    ds.replicate(first, replications=2, rng=1, progress=False)
    ds.compare_view_types(first, rng=1)


def test_another_view_type_is_news_each_time_that_it_is_typed():
    both = scenario(OLD)
    for _ in range(2):
        with pytest.warns(ds.FilterMatchesNothing, match="a stream of KEYS_ONLY has no OldImage"):
            ds.vary(both, {"stream.view_type": "KEYS_ONLY"})
    other = scenario(INSERT, name="m").mappings[0]
    assert other.filter_criteria == ('{"eventName":["INSERT"]}',)


def test_a_comparison_of_view_types_warns_of_none_of_them():
    ds.compare_view_types(scenario(OLD), rng=1)


def test_keys_that_the_workload_does_not_have():
    key = {"dynamodb": {"Keys": {"id": {"S": ["a"]}}}}
    with pytest.warns(ds.FilterMatchesNothing, match=r"Keys\.id\.S: the key of these records is pk"):
        scenario(key)
    with pytest.warns(ds.FilterMatchesNothing, match="the key of these records is item_id"):
        scenario(key, workload=ds.PoissonWrites(rate_per_s=5))
    scenario(key, workload=ds.PoissonWrites(rate_per_s=5), filter_match_fraction=0.5)
    scenario({"dynamodb": {"Keys": {"item_id": {"N": ["3"]}}}}, workload=ds.PoissonWrites(rate_per_s=5))


def test_a_map_without_its_type_code_is_a_trap():
    with pytest.warns(
        ds.IneffectiveSettingWarning, match='only an attribute whose own name is "address.city"'
    ) as caught:
        mapping({"dynamodb": {"NewImage": {"address": {"city": {"S": ["Rome"]}}}}})
    assert not isinstance(caught[0].message, ds.FilterMatchesNothing)


def test_a_filter_that_may_match_says_nothing():
    made = scenario(INSERT, OLD)
    assert filter_notes(made) == []
    assert filter_notes(scenario()) == []
    assert not any("filter" in note for note in ds.simulate(made, rng=1).summary.warnings)


def test_toml_and_code_of_a_filter_are_as_typed():
    made = scenario(INSERT, workload=ds.PoissonWrites(rate_per_s=5))
    assert ds.Scenario.from_toml(made.to_toml()) == made
    assert repr(made.mappings[0].filter_criteria) == """('{"eventName":["INSERT"]}',)"""
    with pytest.warns(ds.FilterMatchesNothing):
        ds.Scenario.from_toml(
            quietly(lambda: scenario({"eventName": ["x"]}, workload=ds.PoissonWrites(rate_per_s=5))).to_toml()
        )


FORM = r'\{"Filters": \[\{"Pattern": "\.\.\."\}'


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"Filters": [{"Patern": "{}"}]}, FORM),
        ({"Filters": [{"pattern": "{}"}]}, FORM),
        ({"Filters": [{"Pattern": INSERT}]}, f"{FORM}.*each Pattern a JSON text"),
        ({"Filters": [{"Pattern": "{}", "Name": "x"}]}, FORM),
        ({"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}, "x"]}, FORM),
        ({"filters": [{"Pattern": "{}"}]}, FORM),
        ({"Filter": [{"Pattern": "{}"}]}, FORM),
        ({"filter": [{"pattern": "{}"}]}, FORM),
        ([{"Pattern": '{"eventName": ["INSERT"]}'}], FORM),
        ({"Filters": [{"Patern": "x" * 10_000}]}, r"got .{100}\.\.\.$"),
        ([5], "each pattern must be a JSON text or a dict, got 5"),
        ([INSERT] * 11, "at most 10 patterns are allowed, got 11: a mapping has 5, and up to 10 on request"),
        ({"Filters": [{"Pattern": "{}"}] * 11}, "at most 10 patterns are allowed, got 11"),
        ('{"a":' * 600 + '["x"]' + "}" * 600, "nested too deeply"),
        ("[" * 4_000, "nested too deeply"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_filter_that_is_misspelt_ends_in_one_sentence(given, words):
    with pytest.raises(ValueError, match=words) as refused:
        ds.EventSourceMapping(filter_criteria=given)
    assert str(refused.value).startswith("EventSourceMapping 'function': filter_criteria: ")
    assert len(str(refused.value)) < 500
