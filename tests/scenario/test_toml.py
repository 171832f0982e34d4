"""Scenarios as TOML: what is written is read back equal, and what cannot be read is refused in one sentence."""

import math
import tomllib
import typing

import pytest
import tomli_w
from configurations import FIELDS, kinds, required
from hypothesis import given, settings
from legal_configurations import WRITTEN, WRITTEN_FIELDS, varied

import ddbsim as ds


@pytest.mark.filterwarnings("ignore::ddbsim.IneffectiveSettingWarning")
@pytest.mark.parametrize(("cls", "field"), WRITTEN_FIELDS, ids=lambda part: getattr(part, "__name__", part))
def test_what_is_written_is_read_back_equal(cls, field):
    @settings(max_examples=settings().max_examples // 10)
    @given(varied(cls, field))
    def check(config):
        scenario = in_scenario(config)
        for defaults in (False, True):
            text = scenario.to_toml(defaults=defaults)
            assert ds.Scenario.from_toml(text) == scenario
            assert tomllib.loads(text)  # and any other reader of TOML can

    check()


# what a field of a class needs beside it
BESIDE = {
    ("Table", "billing_switches"): {"billing": ds.OnDemand()},
    ("Table", "global_secondary_indexes"): {"billing": ds.OnDemand()},
}


def in_scenario(config):
    """Return a scenario that holds a configuration: in the first field, of the first class, that can."""
    while not isinstance(config, ds.Scenario):
        parent, field = next(place for place in FIELDS if may_hold(*place, config))
        # long enough for whatever it plans
        length = {"duration_s": 1e8} if parent is ds.Scenario else {}
        config = parent(**required(parent) | length | BESIDE.get((parent.__name__, field), {}) | {field: config})
    return config


def may_hold(cls, field, config):
    if cls not in WRITTEN or isinstance(config, cls):
        return False
    kept = [part for kind in kinds(cls, field) for part in (kind, *typing.get_args(kind))]
    return any(kind is not typing.Any and isinstance(kind, type) and isinstance(config, kind) for kind in kept)


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


def test_a_handler_cannot_be_written():
    function = ds.Function(handler=lambda event, context: None, state={})
    scenario = ds.Scenario(
        workload=ds.ItemWrites(((0.5, "put", {"pk": "a"}),)),
        event_source_mappings=ds.EventSourceMapping(function=function),
        duration_s=5,
    )
    with pytest.raises(ValueError, match="cannot be written to TOML: it holds"):
        scenario.to_toml()


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
    "infinity": (BASE.replace("= 5", "= inf"), "Scenario.duration_s must be a number > 0 and <= 3.15576e+08, got inf"),
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
