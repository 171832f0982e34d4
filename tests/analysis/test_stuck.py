"""A lane that stands still is named, with why; a run in which all goes on is left in peace."""

import pytest

import ddbsim as ds

KEYS = ds.UniformKeys(items=100)


def simulate(mapping, *, rate_per_s=40, duration_s=600, rng=2, keys=KEYS, **scenario):
    workload = ds.PoissonWrites(rate_per_s=rate_per_s, **({"keys": keys} if keys else {}))
    made = ds.Scenario(workload=workload, duration_s=duration_s, event_source_mappings=mapping, **scenario)
    return ds.simulate(made, rng=rng, progress=False)


def notes_of(result):
    return [note for note in result.summary.warnings if "stands still" in note]


def mapping(*, failures=None, **settings):
    function = ds.Function(failures=failures or ds.Failures())
    return ds.EventSourceMapping(function=function, **settings)


def test_lanes_that_get_no_concurrency_are_told():
    starved = ds.EventSourceMapping(
        batch_size=10, function=ds.Function(reserved_concurrency=1, duration=ds.Duration(base_s=0.2))
    )
    result = simulate(starved, keys=None)
    row = result.summary.frame.iloc[0]
    assert float(row["furthest behind at the end (s)"]) > 590
    assert float(row["largest lag (s)"]) > 590
    (note,) = notes_of(result)
    stuck = result.stuck_shards()
    assert len(stuck) == 2
    assert f"shard {stuck.loc[0, 'shard_id']} stands still: nothing sent for 600 s: throttled 18 times" in note
    assert "1 other lane likewise" in note
    mine = result.invocations[result.invocations["shard_id"] == stuck.loc[0, "shard_id"]]
    assert stuck.loc[0, "throttles"] == (mine["outcome"] == "throttled").sum() == len(mine) == 18


def test_throttles_retried_soon_starve_no_lane():
    function = ds.Function(reserved_concurrency=1, duration=ds.Duration(base_s=0.2))
    soon = ds.EventSourceMapping(batch_size=10, function=function, throttle_backoff=ds.Backoff(cap_s=0.2))
    for seed in (1, 2):
        result = simulate(soon, rng=seed, keys=None)
        assert result.largest_lag()["largest_s"].max() < 10
        assert not notes_of(result)


def test_a_shard_with_a_poison_item_is_told_with_its_attempts_and_the_reason():
    result = simulate(mapping(failures=ds.Failures(poison_items=(3,))), rate_per_s=1)
    (note,) = notes_of(result)
    invocations, bad = result.invocations, result.stuck_shards().loc[0, "shard_id"]
    attempts = invocations[invocations["shard_id"] == bad]["attempt"].max()
    assert attempts > 5
    assert f"its batch has had {attempts} attempts, the last failure was Failures.poison_items" in note
    waiting = result.stream_log.query("outcome == 'waiting'")
    assert f"{len(waiting)} records waiting" in note


def refuses(event, context):
    for record in event["Records"]:
        if record["eventName"] == "REMOVE":
            record["dynamodb"]["NewImage"]


def test_the_words_of_a_handler_s_own_failure_are_told():
    writes = [(1.0 + n, "put", {"pk": f"k{n}"}) for n in range(20)] + [(30.0, "delete", {"pk": "k3"})]
    scenario = ds.Scenario(
        workload=ds.ItemWrites(writes),
        duration_s=300,
        stream=ds.Stream(view_type="NEW_AND_OLD_IMAGES"),
        event_source_mappings=ds.EventSourceMapping(function=ds.Function(handler=refuses)),
    )
    (note,) = notes_of(ds.simulate(scenario, rng=7, progress=False))
    assert "the last failure was KeyError: 'NewImage'" in note
    assert "1 record waiting, the oldest for 270 s" in note


def test_a_mapping_that_is_off_waits_for_a_poll():
    result = simulate(mapping(suspensions=ds.Suspension(start_s=100)))
    (note,) = notes_of(result)
    assert "waits for a poll" in note


def test_an_outage_that_lasts_to_the_end_is_told_and_one_that_ended_is_not():
    lasting = simulate(mapping(failures=ds.Failures(outages=ds.Outage(start_s=100, end_s=700))), duration_s=300)
    (note,) = notes_of(lasting)
    assert "Failures.outages" in note
    over = simulate(mapping(failures=ds.Failures(outages=ds.Outage(start_s=100, end_s=150))), duration_s=300)
    assert not notes_of(over)


SOUND = {
    "quick": mapping(),
    "lanes": mapping(parallelization_factor=4, batch_size=10),
    "errors at random": mapping(failures=ds.Failures(error_probability=0.3)),
    "a window": mapping(maximum_batching_window_in_seconds=20, batch_size=1000),
    "slow": ds.EventSourceMapping(function=ds.Function(timeout_s=60, duration=ds.Duration(base_s=5.0))),
}


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("seed", range(6))
def test_what_goes_on_is_not_said_to_stand_still(name, seed):
    assert notes_of(simulate(SOUND[name], duration_s=90, rng=seed)) == []
