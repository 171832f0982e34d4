"""Scenarios as TOML: what is written is read back equal, and what cannot be read is refused in one sentence."""

import math
import tomllib
from dataclasses import replace

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

import ddbsim as ds

# ---- random scenarios: any legal configuration, not only those worth running

numbers = st.floats(0.001, 1e6, allow_nan=False)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)
shares = st.floats(0, 1)
distributions = st.one_of(
    numbers,
    st.builds(ds.Constant, numbers),
    st.builds(ds.Exponential, numbers),
    st.builds(lambda low, more: ds.Uniform(low, low + more), numbers, numbers),
    st.builds(lambda median, sigma: ds.LogNormal(median=median, sigma=sigma), numbers, st.floats(0.01, 3)),
    st.builds(lambda median, times: ds.LogNormal(median=median, p99=median * times), numbers, st.floats(1.1, 9)),
    st.builds(ds.Empirical, st.lists(numbers, min_size=1, max_size=4)),
)
rates = st.one_of(
    numbers,
    st.builds(ds.Ramp, numbers, numbers, numbers),
    st.builds(ds.Diurnal, numbers, st.floats(1, 2)),
    st.builds(ds.Spike, numbers, numbers, numbers, numbers),
    st.builds(lambda step, first, second: ds.Steps((0, step), (first, second)), numbers, numbers, numbers),
)
keys = st.one_of(
    st.builds(ds.UniformKeys, items=st.integers(1, 10**6)),
    st.builds(ds.SequentialKeys, items=st.integers(1, 10**6)),
    st.builds(ds.Zipfian, items=st.integers(2, 10**6)),
    st.builds(ds.HotSet, items=st.integers(9, 99), hot_items=st.integers(1, 8), hot_share=shares),
)
mixes = st.sampled_from(
    [ds.OperationMix(), ds.OperationMix(insert=0.25, modify=0.5, remove=0.25), ds.OperationMix(existing=0.5)]
)
traces = st.builds(
    ds.Trace,
    start=st.just("2026-01-01T00:00:00+00:00"),
    period_s=st.just(300.0),
    counts=st.lists(numbers, min_size=1, max_size=4).map(tuple),
    gaps=st.sampled_from([(), (("2026-01-01T00:05:00+00:00", 2),)]),
)
workloads = st.one_of(
    st.builds(ds.PoissonWrites, rate_per_s=rates, keys=keys, operations=mixes, item_bytes=st.integers(40, 400_000)),
    st.builds(ds.ConstantWrites, rate_per_s=rates, keys=keys, item_bytes=st.just(ds.LogNormal(median=900, p99=4_000))),
    st.builds(ds.TraceWrites, trace=traces, keys=keys, mean_rate_per_s=st.none() | numbers),
)
outages = st.builds(
    lambda start, more, kind: ds.Outage(start_s=start, end_s=start + more, kind=kind),
    numbers, st.floats(1, 100), st.sampled_from(["error", "timeout"]),
)  # fmt: skip
functions = st.builds(
    ds.Function,
    memory_mb=st.integers(128, 10_240),
    timeout_s=st.integers(1, 900),
    duration=st.builds(
        ds.Duration,
        base_s=numbers, per_kb_s=numbers, noise=st.none() | distributions, cpu_share=shares,
        measured_at_mb=st.none() | st.just(512),
    ),
    failures=st.builds(
        ds.Failures,
        error_probability=shares,
        poison_items=st.lists(st.integers(0, 99), max_size=3).map(tuple),
        outages=st.lists(outages, max_size=2).map(tuple),
    ),
    cold_start=st.builds(ds.ColdStart, init=distributions, idle=distributions, placement_s=numbers),
    reserved_concurrency=st.none() | st.integers(0, 100),
    architecture=st.sampled_from(["x86_64", "arm64"]),
)  # fmt: skip
mappings = st.builds(
    ds.EventSourceMapping,
    function=functions,
    batch_size=st.integers(1, 1_000),
    parallelization_factor=st.integers(1, 10),
    maximum_batching_window_in_seconds=st.integers(0, 300),
    maximum_retry_attempts=st.integers(-1, 10_000),
    bisect_batch_on_function_error=st.booleans(),
    function_response_types=st.sampled_from([(), ("ReportBatchItemFailures",)]),
    retry_backoff=st.builds(ds.Backoff, initial_s=numbers, jitter=shares),
    poller=st.builds(ds.Poller, interval_s=numbers, records_per_read=st.integers(1, 1_000)),
)


@st.composite
def scenarios(draw):
    names = draw(st.lists(texts, min_size=1, max_size=3, unique=True))
    reading = tuple(
        replace(mapping, name=draw(st.none() | st.just(name)), function=replace(mapping.function, name=name))
        for name, mapping in ((name, draw(mappings)) for name in names)
    )
    return ds.Scenario(
        workload=draw(workloads),
        table=ds.Table(partitions=draw(st.integers(1, 10_000)), name=draw(texts)),
        stream=ds.Stream(view_type=draw(st.sampled_from(ds.VIEW_TYPES)), visibility_delay=draw(distributions)),
        event_source_mappings=reading,
        duration_s=draw(st.floats(100, 1e7)),
        warmup_s=draw(st.floats(0, 99)),
        account_concurrency=draw(st.integers(300, 10_000)),
        name=draw(texts),
    )


@given(scenarios(), st.booleans())
def test_what_is_written_is_read_back_equal(scenario, defaults):
    text = scenario.to_toml(defaults=defaults)
    assert ds.Scenario.from_toml(text) == scenario
    assert tomllib.loads(text)  # and any other reader of TOML can


def test_the_least_scenario_is_a_few_lines():
    scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=50), duration_s=60)
    expected = 'duration_s = 60\n\n[workload]\ntype = "PoissonWrites"\nrate_per_s = 50\n'
    assert scenario.to_toml() == expected
    assert scenario.to_text() == expected.rstrip()
    assert scenario._repr_html_() == f"<pre>{expected.rstrip()}</pre>".replace('"', "&quot;")


def test_defaults_are_written_if_asked_for():
    text = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=50), duration_s=60).to_toml(defaults=True)
    table = tomllib.loads(text)
    assert table["event_source_mappings"][0]["function"]["duration"]["base_s"] == 0.010
    assert table["stream"]["visibility_delay"]["type"] == "LogNormal"


def test_a_mapping_may_stand_alone_and_a_date_be_toml_s():
    text = 'duration_s = 5\nstart = 2026-03-01T00:00:00Z\n[workload]\ntype = "PoissonWrites"\nrate_per_s = 1\n'
    scenario = ds.Scenario.from_toml(text + "[event_source_mappings]\nbatch_size = 7.0\n")
    assert scenario.mappings[0].batch_size == 7
    assert scenario.start_epoch_s == 1_772_323_200.0


TRACE = "timestamp,value\n2026-01-01T00:00:00Z,60\n2026-01-01T00:01:00Z,30\n"


def test_a_trace_is_taken_from_the_folder_of_the_file(tmp_path, monkeypatch):
    folder = tmp_path / "deep" / "scenarios"
    folder.mkdir(parents=True)
    (tmp_path / "deep" / "t.csv").write_text(TRACE)
    file = folder / "s.toml"
    file.write_text('[workload]\ntype = "TraceWrites"\ntrace = "../t.csv"\n')
    monkeypatch.chdir(tmp_path)
    for path in (file, str(file), "deep/scenarios/s.toml"):
        assert ds.Scenario.from_toml(path).duration_s == 120.0


def test_a_written_file_finds_the_trace_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text(TRACE)
    (tmp_path / "elsewhere").mkdir()
    scenario = ds.Scenario(workload=ds.TraceWrites(trace="t.csv"))
    scenario.to_toml("elsewhere/s.toml")
    assert 'trace = "../t.csv"' in (tmp_path / "elsewhere" / "s.toml").read_text()
    monkeypatch.chdir("elsewhere")
    assert ds.Scenario.from_toml("s.toml").workload.used_trace.counts == (60.0, 30.0)


def test_an_absolute_path_stays(tmp_path):
    (tmp_path / "t.csv").write_text(TRACE)
    scenario = ds.Scenario(workload=ds.TraceWrites(trace=str(tmp_path / "t.csv")))
    scenario.to_toml(tmp_path / "s.toml")
    assert ds.Scenario.from_toml(tmp_path / "s.toml") == scenario


def test_given_writes_cannot_be_written_and_are_still_shown():
    columns = {"at_s": [0.5], "item_id": [1], "operation": ["INSERT"], "bytes_before": [0], "bytes_after": [99]}
    scenario = ds.Scenario(workload=ds.ReplayWrites(columns=columns), duration_s=5)
    with pytest.raises(ValueError, match="columns cannot be written to TOML"):
        scenario.to_toml()
    assert 'columns = "(given writes)"' in scenario.to_text()


# ---- what cannot be read

BASE = 'duration_s = 5\n[workload]\ntype = "PoissonWrites"\nrate_per_s = 1\n'
BAD = {
    "an unknown field": (
        "warmup = 3\n" + BASE,
        "scenario text: unknown field 'warmup' of Scenario; allowed: workload, ",
    ),
    "an unknown field within": (
        BASE + "[[event_source_mappings]]\n[event_source_mappings.function]\nmemory = 3\n",
        "scenario text: event_source_mappings[0]: function: unknown field 'memory' of Function; allowed: name, ",
    ),
    "a missing field": (
        'duration_s = 5\n[workload]\ntype = "PoissonWrites"\n',
        "workload: PoissonWrites needs the field",
    ),
    "no workload": ("duration_s = 5\n", "scenario text: Scenario needs the field 'workload'"),
    "a workload without a type": ("duration_s = 5\n[workload]\nrate_per_s = 1\n", "workload: type must be one of "),
    "a type of another kind": ("duration_s = 5\n[workload]\ntype = 3\n", "workload: type must be one of "),
    "a list for a type": ("duration_s = 5\n[workload]\ntype = []\n", "workload: type must be one of "),
    "a base class": ('duration_s = 5\n[workload]\ntype = "Keys"\n', "workload: type must be one of "),
    "columns in the text": ('duration_s = 5\n[workload]\ntype = "WriteColumns"\n', "workload: type must be one of "),
    "a distribution for a table": (
        BASE + '[table]\ntype = "Constant"\nvalue = 3\n',
        "scenario text: Scenario.table must be Table(...), got Constant(value=3)",
    ),
    "a number for a table": ("table = 4\n" + BASE, "Scenario.table must be Table(...), got 4"),
    "a value out of range": (
        BASE + "[[event_source_mappings]]\n[[event_source_mappings]]\nbatch_size = 0\n",
        "event_source_mappings[1]: EventSourceMapping 'function': batch_size must be a whole number in 1..10000, got 0",
    ),
    "infinity": (BASE.replace("= 5", "= inf"), "Scenario.duration_s must be a number > 0, got inf"),
    "no TOML": ("duration_s = \n", "scenario text: is not TOML"),
    "a field twice": (BASE + "rate_per_s = 2\n", "scenario text: is not TOML"),
    "replayed writes that are not there": (
        'duration_s = 5\n[workload]\ntype = "ReplayWrites"\ncolumns = "none.parquet"\n',
        "none.parquet cannot be read",
    ),
}


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD)
def test_a_bad_text_is_refused_in_one_sentence(text, words):
    with pytest.raises(ds.ScenarioFileError) as error:
        ds.Scenario.from_toml(text)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read (No such file or directory)"),
        ("folder", "cannot be read (Is a directory)"),
        (b"\xff\xfe", "cannot be read (it is not UTF-8)"),
    ],
    ids=["missing", "a folder", "bytes"],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, words):
    path = tmp_path / "s.toml"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(ds.ScenarioFileError) as error:
        ds.Scenario.from_toml(path)
    assert str(error.value) == f"{path}: {words}"


JUNK = [
    None,
    True,
    -1,
    10**30,
    math.nan,
    math.inf,
    "",
    "x",
    [],
    [[]],
    [1, "x"],
    {},
    {"type": "Constant"},
    {"type": "Trace"},
]


def places(table, at=()):
    """Yield the way to every value in a nested table."""
    for key, value in table.items() if isinstance(table, dict) else enumerate(table):
        yield (*at, key)
        if isinstance(value, dict | list):
            yield from places(value, (*at, key))


FULL = tomllib.loads(
    ds.Scenario(
        workload=ds.PoissonWrites(
            rate_per_s=ds.Steps((0, 5), (1, 2)), keys=ds.HotSet(items=9, hot_items=1, hot_share=0.5)
        ),
        event_source_mappings=ds.EventSourceMapping(
            function=ds.Function(
                failures=ds.Failures(poison_items=(1,), outages=ds.Outage(start_s=1, end_s=2)),
                duration=ds.Duration(noise=ds.Empirical([1.0, 2.0])),
            ),
        ),
        duration_s=5,
    ).to_toml(defaults=True)
)


def refusal(text):
    """Return what a text is refused for; nothing if it is taken. Any other error is a failure."""
    try:
        ds.Scenario.from_toml(text)
    except ds.ScenarioFileError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("place", list(places(FULL)), ids=lambda place: ".".join(map(str, place)))
def test_junk_anywhere_is_taken_or_refused_in_one_sentence(place):
    for junk in JUNK:
        table = tomllib.loads(tomli_w.dumps(FULL))
        inner = table
        for key in place[:-1]:
            inner = inner[key]
        if junk is None:
            del inner[place[-1]]
        else:
            inner[place[-1]] = junk
        assert "\n" not in refusal(tomli_w.dumps(table))
