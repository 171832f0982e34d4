"""Traps are told where a scenario is typed, and gathering them touches nothing that threads share."""

import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

import ddbsim as ds
from ddbsim.experiment.vary.fields import variants
from ddbsim.scenario import IneffectiveSettingWarning, without_setting_warnings

TRAP = {"batch_size": 5000}


def trapped():
    with pytest.warns(IneffectiveSettingWarning, match="batch_size 5000 is beyond"):
        mapping = ds.EventSourceMapping(**TRAP)
    return ds.Scenario(workload=ds.PoissonWrites(rate_per_s=5), duration_s=5, event_source_mappings=mapping)


def test_the_warning_points_at_the_line_that_was_typed():
    with pytest.warns(IneffectiveSettingWarning) as told:
        ds.EventSourceMapping(**TRAP)
    assert told[0].filename == __file__


def test_traps_are_gathered_innermost_and_none_is_left_over():
    with without_setting_warnings() as outer:
        with without_setting_warnings() as inner:
            ds.EventSourceMapping(**TRAP)
        ds.EventSourceMapping(name="b", **TRAP)
    assert len(inner) == len(outer) == 1
    assert "'b'" in outer[0]
    with pytest.warns(IneffectiveSettingWarning):
        ds.EventSourceMapping(**TRAP)


def test_threads_that_copy_scenarios_leave_the_filters_of_warnings_alone():
    scenario = trapped()
    before, interval = list(warnings.filters), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads take turns often enough to meet inside each other
    try:
        with ThreadPoolExecutor(8) as threads:
            texts = set(threads.map(lambda _: scenario.to_toml(defaults=True), range(400)))
            notes = list(threads.map(lambda _: variants(scenario, [{"parallelization_factor": 2}])[0].note, range(200)))
    finally:
        sys.setswitchinterval(interval)
    assert len(texts) == 1
    assert list(warnings.filters) == before
    assert all("batch_size 5000" in note for note in notes)
    with pytest.warns(IneffectiveSettingWarning):
        replace(scenario.mappings[0], batch_size=6000)
