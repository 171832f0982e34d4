import asyncio
import dataclasses
import html
import io
import re
import time

import numpy as np
import pytest

import ddbsim as ds

ipywidgets = pytest.importorskip("ipywidgets", reason="ipywidgets is missing: pip install 'ddbsim[notebooks]'")

from ddbsim.widgets.explored import as_table, explored  # noqa: E402 - after the check
from ddbsim.widgets.horizon import beyond  # noqa: E402 - as above
from ddbsim.widgets.picture import Picture  # noqa: E402 - as above
from ddbsim.widgets.settings import shortened  # noqa: E402 - as above


@pytest.fixture(scope="module")
def base():
    function = ds.Function(name="indexer", duration=ds.Duration(base_s=0.1, per_record_s=0.001))
    return ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=40),
        event_source_mappings=ds.EventSourceMapping(function=function),
        duration_s=60,
        warmup_s=5,
    )


def numbers_of(widget):
    return widget._now.numbers.set_index("number")["value"]


def test_the_numbers_are_those_of_the_run(base):
    result = ds.simulate(base, rng=7)
    widget = ds.widgets.explore(base, rng=7, horizon_s=60)
    seen = numbers_of(widget)
    quantiles = result.latency((0.5, 0.95, 0.99))["latency_s"]
    assert seen[["latency p50 (s)", "latency p95 (s)", "latency p99 (s)"]].tolist() == quantiles.tolist()
    assert seen["bill (USD a month)"] == pytest.approx(result.bill().usd_per_month)
    assert seen["largest lag (s)"] == result.numbers(base.mappings[0]).lag_max_s
    assert seen["largest lag (s)"] >= result.lag(0.6)["seconds_behind"].max()
    assert seen["invocations per second"] == result.numbers(base.mappings[0]).invocations_per_s


def test_a_moved_slider_shows_the_new_run_and_keeps_the_old_as_a_ghost(base):
    widget = ds.widgets.explore(base, rng=7, horizon_s=60)
    before, picture = numbers_of(widget), widget.picture.value
    widget.sliders["batch_size"].value = 1
    now = numbers_of(widget)
    expected = ds.simulate(dataclasses.replace(base, event_source_mappings=batch_of_one(base)), rng=7)
    assert now["latency p99 (s)"] == expected.latency(0.99)["latency_s"].item()
    assert widget.picture.value != picture
    assert bytes(widget.picture.value).startswith(b"\x89PNG")
    assert now["latency p99 (s)"] == np.inf
    for told in ("grows without limit", f"{before['latency p99 (s)']:,.3g}"):
        assert f">{told}<" in widget.numbers.value


def batch_of_one(base):
    return dataclasses.replace(base.mappings[0], batch_size=1)


def test_the_same_writes_serve_every_setting_but_another_traffic(base):
    widget = ds.widgets.explore(base, rng=7, horizon_s=60)
    first = widget._drawn[1]
    widget.sliders["memory_mb"].value = 1_024
    assert widget._drawn[1] is first
    widget.sliders["traffic"].value = 2.0
    assert len(widget._drawn[1]) > 1.5 * len(first)


def test_the_code_makes_the_scenario_of_the_sliders_at_its_full_length(base):
    widget = ds.widgets.explore(base, rng=7, horizon_s=20)
    widget.as_code.value = True
    widget.sliders["batch_size"].value = 10
    names = {}
    exec(widget.code.value, names)
    assert names["scenario"].mappings[0].batch_size == 10
    assert names["scenario"].duration_s == 60
    assert widget.scenario.duration_s == 20
    widget.reset.click()
    exec(widget.code.value, names)
    assert names["scenario"] == base


def test_a_refused_setting_is_a_sentence_and_the_picture_stays(base):
    small = dataclasses.replace(base, account_concurrency=500)
    widget = ds.widgets.explore(small, rng=7, horizon_s=60)
    picture = widget.picture.value
    # as by another mapping's reservation
    widget._start = dataclasses.replace(small, account_concurrency=100)
    widget.sliders["reserved_concurrency"].value = 500
    assert "must add up to at most account_concurrency (100), got 500" in widget.message.value
    assert "role='alert'" in widget.message.value
    assert "Traceback" not in widget.message.value
    assert widget.picture.value == picture


def test_a_run_that_does_not_fit_is_a_sentence(base):
    huge = dataclasses.replace(base, workload=ds.PoissonWrites(rate_per_s=1_000_000), duration_s=600)
    widget = ds.widgets.explore(base, rng=7, horizon_s=60)
    widget._whole = huge
    widget._start = dataclasses.replace(huge, duration_s=600, warmup_s=0)
    widget.sliders["batch_size"].value = 10
    assert "lower the rate or duration_s" in widget.message.value


def test_a_setting_with_a_trap_says_so(base):
    widget = ds.widgets.explore(base, rng=7, horizon_s=60)
    widget.sliders["batch_size"].value = 2_000
    assert "without a batching window a batch holds what one read found" in html.unescape(widget.message.value)


def test_the_whole_scenario_is_run_at_the_press_of_a_button(base):
    widget = ds.widgets.explore(base, rng=7, horizon_s=20)
    assert "20 s simulated" in widget.note.value
    widget.whole.click()
    assert "60 s simulated" in widget.note.value


def test_every_button_has_words_and_no_icon(base):
    widget = ds.widgets.explore(base, rng=7, horizon_s=20)
    buttons = [widget.reset, widget.whole, widget.cancel, widget.as_code]
    assert all(button.description and not button.icon for button in buttons)


def test_the_picture_draws_the_frames(base):
    slow = explored(ds.simulate(base, rng=7))
    fast = explored(ds.simulate(dataclasses.replace(base, event_source_mappings=batch_of_one(base)), rng=7))
    picture = Picture()
    picture.draw(slow)
    picture.draw(fast, slow)
    lag, latency, bill = picture.axes
    for line, seen in zip(lag.lines, (slow, fast), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), seen.lag["seconds_behind"])
    for line, seen in zip(latency.lines[:2], (slow, fast), strict=True):
        longer = 1 - seen.ecdf["share"].to_numpy()
        np.testing.assert_array_equal(line.get_ydata(), longer[longer >= 0.0005])
    widths = [patch.get_width() for patch in bill.patches]
    lambda_only = [seen.bill[seen.bill["component"].str.startswith("lambda")] for seen in (slow, fast)]
    assert widths == [value for frame in lambda_only for value in frame["usd_per_month"]]
    assert f"{fast.bill['usd_per_month'].sum():,.0f} USD" in bill.get_title()


def test_a_picture_is_a_png_of_the_size_that_a_notebook_shows(base):
    from PIL import Image

    image = Image.open(io.BytesIO(Picture().draw(explored(ds.simulate(base, rng=7)))))
    assert image.format == "PNG"
    assert image.size == (960, 264)


def test_a_table_says_what_did_not_change_and_what_has_no_number(base):
    seen = explored(ds.simulate(base, rng=7))
    assert as_table(seen, seen).count(">=<") == len(seen.numbers)
    quiet = explored(ds.simulate(dataclasses.replace(base, workload=ds.PoissonWrites(rate_per_s=0)), rng=7))
    assert ">-<" in as_table(quiet, None)


def test_two_mappings_have_a_line_and_numbers_each(base):
    other = ds.EventSourceMapping(name="audit", function=ds.Function(name="audit"))
    widget = ds.widgets.explore(
        dataclasses.replace(base, event_source_mappings=(*base.mappings, other)), rng=7, mapping="audit", horizon_s=20
    )
    assert {"indexer: latency p99 (s)", "audit: latency p99 (s)"} <= set(numbers_of(widget).index)
    widget.sliders["batch_size"].value = 1
    assert [mapping.batch_size for mapping in widget.scenario.mappings] == [100, 1]
    assert len(widget._pictures.axes[0].lines) == 4


def test_a_widget_that_is_not_there_is_named():
    with pytest.raises(AttributeError, match=r"ddbsim\.widgets has explore, step, view_types, not 'explain'"):
        _ = ds.widgets.explain


def test_the_comparer_shows_what_compare_view_types_returns(base):
    widget = ds.widgets.view_types(base, rng=7, horizon_s=60)
    widget.sliders["batch_size"].value = 10
    expected = ds.compare_view_types(widget.scenario, rng=7)
    assert widget.comparison.costs.equals(expected.costs)
    assert widget.comparison.frame.equals(expected.frame)
    assert bytes(widget.picture.value).startswith(b"\x89PNG")
    assert "KEYS_ONLY" in widget.numbers.value
    # the verdict stands above the picture
    assert widget.verdict.value == f"<p><b>{html.escape(expected.verdict)}</b></p>"


def test_the_comparer_says_which_view_type_does_not_serve_the_handler(base):
    widget = ds.widgets.view_types(base, rng=7, horizon_s=60)
    assert set(widget.comparison.totals["served"]) == {"directly"}
    widget.sliders["needs"].value = "old"
    served = widget.comparison.totals.set_index("view_type")["served"]
    assert served.to_dict() == {
        "KEYS_ONLY": "not at all",
        "NEW_IMAGE": "not at all",
        "OLD_IMAGE": "directly",
        "NEW_AND_OLD_IMAGES": "directly",
    }


def told(widget):
    """The text above the picture."""
    return html.unescape(re.sub(r"<[^>]*>", " ", widget.verdict.value))


def falling_behind(**changes):
    function = ds.Function(name="indexer", duration=ds.Duration(base_s=0.1))
    mapping = ds.EventSourceMapping(function=function, batch_size=1)
    return ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=200),
        event_source_mappings=mapping,
        **{"duration_s": 60, "table": ds.Table(partitions=4)} | changes,
    )


def test_what_does_not_keep_up_says_so_above_the_picture_and_its_bill_is_no_bill():
    scenario = falling_behind()
    widget = ds.widgets.explore(scenario, rng=7, horizon_s=60)
    row = ds.simulate(scenario, rng=7, progress=False).keeping_up().iloc[0]
    assert row["verdict"] == "does not keep up"
    assert f"does not keep up: {row['processed_share']:.0%} of records done in the 60 s shown" in told(widget)
    assert "role='alert'" in widget.verdict.value
    assert "color:#B00020" in widget.verdict.value
    assert "grows without limit" in widget.numbers.value
    assert widget.numbers.value.count("at least <s>") == 2
    bill = widget._pictures.axes[2]
    assert bill.get_title().startswith("Bill: at least ")
    assert all(patch.get_hatch() for patch in bill.patches)
    # above the picture
    places = {id(child): place for place, child in enumerate(widget.children)}
    assert places[id(widget.verdict)] < next(n for n, one in enumerate(widget.children) if holds(one, widget.picture))


def holds(box, widget):
    return box is widget or any(holds(child, widget) for child in getattr(box, "children", ()))


def test_what_keeps_up_has_a_plain_bill(base):
    widget = ds.widgets.explore(base, rng=7, horizon_s=60)
    assert told(widget).strip() == "keeps up over the 60 s shown."
    assert "at least" not in widget.numbers.value
    assert not any(patch.get_hatch() for patch in widget._pictures.axes[2].patches)
    widget.sliders["batch_size"].value = 1
    assert "does not keep up" in told(widget)
    widget.reset.click()
    assert told(widget).strip() == "keeps up over the 60 s shown."


def test_a_run_too_short_to_tell_says_so():
    window = ds.EventSourceMapping(function=ds.Function(), maximum_batching_window_in_seconds=60)
    scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=60, event_source_mappings=window)
    assert "the 60 s shown are too short to tell" in told(ds.widgets.explore(scenario, horizon_s=60))


def scheduled_at(at_s):
    """Scenarios of 600 s with something at an instant, by what it is called."""
    outage = ds.Failures(outages=ds.Outage(start_s=at_s, end_s=at_s + 1))
    mapping = ds.EventSourceMapping(function=ds.Function())
    plain = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=500), duration_s=600, event_source_mappings=mapping)
    function = dataclasses.replace(mapping.function, failures=outage)
    provisioned = ds.Table(billing=ds.Provisioned(write_capacity_units=1_000))

    def moved(**changes):
        return dataclasses.replace(plain, event_source_mappings=dataclasses.replace(mapping, **changes))

    sale = ds.flash_sale(base_per_s=500, at_s=at_s, lasting_s=9)

    def rate(profile):
        return dataclasses.replace(plain, workload=ds.PoissonWrites(rate_per_s=profile))

    return {
        "an outage": moved(function=function),
        "a suspension": moved(suspensions=ds.Suspension(start_s=at_s, end_s=at_s + 1)),
        "the creation of a mapping": moved(created_s=at_s),
        "a split": dataclasses.replace(plain, table=ds.Table(splits=ds.Split(at_s=at_s))),
        "a billing switch": dataclasses.replace(
            plain,
            table=dataclasses.replace(provisioned, billing_switches=ds.BillingSwitch(at_s=at_s, billing=ds.OnDemand())),
        ),
        "the end of the stream": dataclasses.replace(plain, stream=ds.Stream(disabled_s=at_s)),
        "a spike in the rate": dataclasses.replace(plain, workload=sale),
        "a step in the rate": rate(ds.Steps((0, at_s), (500, 800))),
        "a ramp of the rate": rate(ds.Ramp(500, 600, over_s=9, at_s=at_s)),
    }


@pytest.mark.parametrize("what", scheduled_at(400))
def test_what_is_scheduled_beyond_the_horizon_is_told(what):
    scenario = scheduled_at(400)[what]
    short = shortened(scenario, 20)
    assert f"{what} at 400 s" in beyond(scenario, short.length_s)
    assert "beyond the 20 s shown" in beyond(scenario, short.length_s)
    assert beyond(scenario, 600) == ""


@pytest.mark.parametrize("what", scheduled_at(60))
def test_the_horizon_covers_what_is_scheduled_within_its_records(what):
    assert shortened(scheduled_at(60)[what], None).length_s >= 75


def test_an_outage_beyond_the_horizon_is_told_and_covered_by_the_longer_run():
    failures = ds.Failures(outages=ds.Outage(start_s=200, end_s=240))
    mapping = ds.EventSourceMapping(function=ds.Function(failures=failures))
    scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=50), duration_s=600, event_source_mappings=mapping)
    widget = ds.widgets.explore(scenario, rng=7, horizon_s=120)
    assert "An outage at 200 s, and 1 more after it, lie beyond the 120 s shown" in told(widget)
    assert numbers_of(widget)["largest lag (s)"] < 5
    widget.extend()
    assert "600 s simulated" in widget.note.value
    assert "beyond" not in told(widget)
    assert numbers_of(widget)["largest lag (s)"] > 39
    # what lies beyond the horizon is in the copied code, and in a run of all of it
    widget.sliders["batch_size"].value = 10
    widget.as_code.value = True
    names = {}
    exec(widget.code.value, names)
    assert names["scenario"].mappings[0].function.failures == failures
    widget.whole.click()
    assert numbers_of(widget)["largest lag (s)"] > 39
    # covered at once where it costs little
    assert numbers_of(ds.widgets.explore(scenario, rng=7))["largest lag (s)"] > 39


def test_while_the_hand_rests_longer_runs_replace_the_picture(monkeypatch):
    monkeypatch.setattr("ddbsim.widgets.panel._REST_S", 0.05)

    async def session():
        widget = ds.widgets.explore(falling_behind(), rng=7, horizon_s=2)
        first = widget.picture.value
        assert "2 s simulated" in widget.note.value
        await until(lambda: "60 s simulated" in widget.note.value)
        assert widget.picture.value != first
        assert "does not keep up" in told(widget)
        widget.sliders["batch_size"].value = 100
        await until(lambda: "2 s simulated" in widget.note.value)
        await until(lambda: "60 s simulated" in widget.note.value)
        assert "keeps up over the 60 s shown" in told(widget)

    asyncio.run(session())


def test_a_cancelled_longer_run_does_not_begin_again(monkeypatch):
    monkeypatch.setattr("ddbsim.widgets.panel._REST_S", 0.05)

    async def session():
        widget = ds.widgets.explore(falling_behind(), rng=7, horizon_s=2)
        widget.cancel.click()
        await asyncio.sleep(0.5)
        assert "2 s simulated" in widget.note.value

    asyncio.run(session())


async def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def test_a_lag_that_builds_up_slowly_is_there_in_the_end():
    function = ds.Function(name="indexer", memory_mb=512, duration=ds.Duration(base_s=0.015, per_record_s=0.0004))
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=5_000, item_bytes=900, keys=ds.Zipfian(items=100_000)),
        table=ds.Table(partitions=8),
        event_source_mappings=ds.EventSourceMapping(function=function),
        duration_s=600,
    )
    widget = ds.widgets.explore(scenario, rng=7)
    widget.sliders["batch_size"].value = 50
    assert numbers_of(widget)["latency p99 (s)"] < 1
    widget.extend()
    assert "600 s simulated" in widget.note.value
    assert numbers_of(widget)["latency p99 (s)"] > 10
    assert widget.picture.value == widget._pictures.draw(widget._now, None)
