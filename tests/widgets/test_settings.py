import dataclasses

import pytest

import ddbsim as ds
from ddbsim.widgets.settings import UNRESERVED, changed, image_settings_of, settings_of, shortened, with_traffic


def scenario(**changes):
    function = ds.Function(name="indexer", memory_mb=512, duration=ds.Duration(base_s=0.02))
    plain = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=50),
        event_source_mappings=ds.EventSourceMapping(batch_size=7, function=function),
        duration_s=600,
        warmup_s=60,
    )
    return dataclasses.replace(plain, **changes)


def test_a_setting_offers_the_scenario_s_own_value_among_the_usual_ones_in_order():
    batch_size = settings_of(scenario(), "indexer")[0]
    values = [value for _, value in batch_size.options]
    assert batch_size.value == 7
    assert values == sorted(values)
    assert {1, 7, 10_000} <= set(values)


def test_each_value_that_is_offered_makes_a_scenario():
    base = scenario()
    for setting in settings_of(base, "indexer"):
        for _, value in setting.options:
            if setting.name == "batch_size" and value > 1_000:
                with pytest.warns(ds.IneffectiveSettingWarning):
                    changed(base, "indexer", {setting.name: value})
            else:
                changed(base, "indexer", {setting.name: value})


def test_the_own_values_change_nothing():
    base = scenario()
    assert changed(base, "indexer", {one.name: one.value for one in settings_of(base, "indexer")}) == base


def test_a_function_s_settings_are_those_of_every_mapping_that_names_it():
    one, other = (ds.EventSourceMapping(name=name, function=ds.Function(name="shared")) for name in "ab")
    new = changed(scenario(event_source_mappings=(one, other)), "b", {"reserved_concurrency": 3, "batch_size": 5})
    assert [mapping.function.reserved_concurrency for mapping in new.mappings] == [3, 3]
    assert [mapping.batch_size for mapping in new.mappings] == [100, 5]


def test_none_reserved_takes_the_reservation_back():
    base = changed(scenario(), "indexer", {"reserved_concurrency": 3})
    assert changed(base, "indexer", {"reserved_concurrency": UNRESERVED}) == scenario()


def test_more_memory_makes_the_handler_faster_from_where_it_was_measured():
    function = changed(scenario(), "indexer", {"memory_mb": 1_024}).mappings[0].function
    assert function.duration.memory_factor(function.memory_mb) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (50, 75),
        (ds.Steps((0, 10), (4, 8)), ds.Steps((0, 10), (6, 12))),
        (ds.Ramp(2, 4, over_s=10), ds.Ramp(3, 6, over_s=10)),
        (ds.Diurnal(mean_per_s=10, peak_to_mean=2), ds.Diurnal(mean_per_s=15, peak_to_mean=2)),
        (0.1 + 0.2, 0.45),
    ],
)
def test_traffic_scales_the_rate_and_nothing_else(rate, expected):
    for kind in (ds.PoissonWrites, ds.ConstantWrites):
        assert with_traffic(kind(rate_per_s=rate, item_bytes=99), 1.5) == kind(rate_per_s=expected, item_bytes=99)


def test_traffic_scales_a_trace_also_where_only_its_busiest_window_is_used():
    trace = ds.Trace(start="2026-01-01T00:00:00Z", period_s=60.0, counts=(60.0, 600.0, 60.0))
    for workload in (ds.TraceWrites(trace=trace), ds.TraceWrites(trace=trace, busiest_s=60, mean_rate_per_s=8)):
        length_s = workload.duration_s
        twice = with_traffic(workload, 2).expected_writes(length_s)
        assert twice == pytest.approx(2 * workload.expected_writes(length_s))


def test_given_writes_have_no_traffic_to_change():
    workload = ds.ReplayWrites(
        columns={"at_s": [1.0], "item_id": [1], "operation": ["INSERT"], "bytes_before": [0], "bytes_after": [99]}
    )
    assert "traffic" not in {one.name for one in settings_of(scenario(workload=workload), "indexer")}
    with pytest.raises(ValueError, match="drawn, not for ReplayWrites"):
        with_traffic(workload, 2)


@pytest.mark.parametrize(("rate", "horizon_s"), [(5_000, 12), (1_000, 60), (20, 120), (100_000, 10)])
def test_a_short_horizon_holds_about_60_000_records(rate, horizon_s):
    short = shortened(scenario(workload=ds.PoissonWrites(rate_per_s=rate)), None)
    assert (short.duration_s, short.warmup_s) == (horizon_s, horizon_s / 10)


def test_a_scenario_shorter_than_the_horizon_stays_as_it_is():
    base = scenario(duration_s=5, warmup_s=1)
    assert shortened(base, None) is base
    assert shortened(base, 3).duration_s == 3


def test_an_unknown_mapping_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="mapping must be one of indexer, got 'audit'"):
        settings_of(scenario(), "audit")


def test_what_decides_between_view_types_is_what_the_handler_needs_and_what_bytes_cost_it():
    base = scenario()
    needs, per_kb_s = image_settings_of(base, "indexer")
    assert [value for _, value in needs.options] == ["keys", "new", "old", "both"]
    assert changed(base, "indexer", {needs.name: needs.value, per_kb_s.name: per_kb_s.value}) == base
    new = changed(base, "indexer", {"needs": "both", "per_kb_s": 0.001, "memory_mb": 1_024}).mappings[0].function
    assert (new.needs, new.duration.per_kb_s, new.duration.measured_at_mb) == ("both", 0.001, 512)
    assert new.duration.base_s == 0.02
