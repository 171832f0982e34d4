"""Wrong kinds of everything that is public, by reflection: one short sentence of the package's own, at once."""

import dataclasses
import inspect
import re
import traceback
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ddbsim as ds
from ddbsim.checks.wording import closest, shown

PACKAGE = Path(ds.__file__).parent
SCENARIO = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=20)
RESULT = ds.simulate(SCENARIO, rng=7, progress=False)
OTHER = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=20, name="other")


class Anything:
    """Nothing takes this."""

    def __repr__(self):
        return "Anything()" * 1_000


# right values of what each function needs, by the name of the parameter
RIGHT = {
    "scenario": SCENARIO,
    "before": SCENARIO,
    "after": OTHER,
    "result": RESULT,
    "slo": ds.SLO(latency_p99_s=2.0),
    "ranges": {"batch_size": (1, 9)},
    "ends": {"batch_size": (1, 9)},
    "space": {"batch_size": [1, 9]},
    "vary": {"batch_size": [1, 9]},
    "setting": {"batch_size": 9},
    "event": {},
    "pattern": "{}",
    "folder": "nowhere",
    "path": "nowhere",
    "stream_arn": "arn",
    "client": object(),
    "frame": pd.DataFrame({"time": [0.5], "item": ["a"], "operation": ["put"], "bytes": [300]}),
    "workload": "A",
    "ops_per_s": 5.0,
    "rng": 7,
    "replication": 0,
    "name": "order",
    "answer": True,
    "result_or_frame": RESULT,
    "result_or_events": RESULT,
    **dict.fromkeys(("sweep", "sweep_or_table", "moved", "solution", "comparison", "comparison_or_costs"), RESULT),
    **dict.fromkeys(("forecast", "warm_up_or_replications", "lesson_or_result"), RESULT),
}
# taken as they are: of any kind by their nature
OPEN = {("read_stream", "client"), ("replay", "start")}


def functions():
    for module in (ds, ds.plots, ds.widgets, ds.lessons):
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value):
                yield value
    for name, value in vars(ds.Result).items():
        if inspect.isfunction(value) and not name.startswith("_"):
            yield value


FUNCTIONS = list(dict.fromkeys(functions()))
NAMED = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
PARAMETERS = [
    (function, parameter.name)
    for function in FUNCTIONS
    for parameter in inspect.signature(function).parameters.values()
    if parameter.kind in NAMED and parameter.name != "self" and (function.__name__, parameter.name) not in OPEN
]


def arguments(function, name, value):
    """Return right arguments, and a wrong one under a name."""
    parameters = inspect.signature(function).parameters.values()
    needed = {one.name: RIGHT[one.name] for one in parameters if one.name in RIGHT and one.default is one.empty}
    needed |= {"outage_s": 60.0} if function is ds.drain else {}
    return ({"self": RESULT} if "self" in inspect.signature(function).parameters else {}) | needed | {name: value}


def assert_told(error):
    """Assert that an error is a short sentence, and that the package raised it and not what it called."""
    message = str(error.value)
    assert isinstance(error.value, ValueError | TypeError)
    assert message
    assert "\n" not in message
    assert len(message) < 900, message
    frames = [Path(frame.filename) for frame in traceback.extract_tb(error.value.__traceback__)]
    assert PACKAGE in frames[-1].parents, (message, frames[-1])


@pytest.mark.parametrize(("function", "name"), PARAMETERS, ids=lambda part: getattr(part, "__qualname__", part))
def test_a_wrong_kind_of_each_argument_is_told(function, name):
    for value in (Anything(), 1j, [object()] * 9):
        with pytest.raises((ValueError, TypeError)) as error:
            function(*(SCENARIO, OTHER) * (function is ds.compare), **arguments(function, name, value))
        assert_told(error)
        assert name in str(error.value) or "must be given" in str(error.value), str(error.value)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__qualname__)
def test_a_misspelt_argument_is_told_with_what_was_meant(function):
    names = [name for one, name in PARAMETERS if one is function and len(name) > 4]
    free = [one for one in inspect.signature(function).parameters.values() if one.kind is one.VAR_KEYWORD]
    for name in [] if free else names:
        with pytest.raises(TypeError) as error:
            function(**{f"{name}x": 1})
        assert_told(error)
        assert f"{function.__name__} has no argument '{name}x', did you mean '{name}'?" in str(error.value)


@pytest.mark.parametrize(
    "cls",
    [cls for name in ds.__all__ if dataclasses.is_dataclass(cls := getattr(ds, name)) and cls is not ds.SLO],
    ids=lambda cls: cls.__name__,
)
def test_a_misspelt_field_is_told_with_what_was_meant(cls):
    for field in dataclasses.fields(cls):
        if field.init and len(field.name) > 3:
            with pytest.raises(TypeError) as error:
                cls(**{f"{field.name}s": 1})
            assert f"{cls.__name__} has no argument '{field.name}s', did you mean '{field.name}'?" in str(error.value)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ds.closed_form(RESULT), "closed_form: scenario must be Scenario(...), got a Result: its scenario is"),
        (lambda: ds.assumptions(RESULT), "assumptions: scenario must be Scenario(...) or None, got a Result"),
        (lambda: ds.compare_view_types(RESULT), "compare_view_types: scenario must be Scenario(...), got a Result"),
        (lambda: ds.compare_transports(RESULT), "compare_transports: scenario must be Scenario(...), got a Result"),
        (lambda: ds.simulate(RESULT), "simulate: scenario must be Scenario(...), got a Result"),
        (lambda: ds.simulate(RESULT.writes), "simulate: scenario must be Scenario(...), got a DataFrame"),
        (lambda: ds.lint(RESULT), "lint: scenario must be Scenario(...), got a Result"),
        (lambda: ds.batch_means(SCENARIO), "batch_means: result must be Result(...), got a Scenario"),
        (lambda: ds.read_trace(RESULT.writes), "read_trace: path must be a text or a path, got a DataFrame"),
        (lambda: ds.Scenario.from_toml({"a": 1}), "from_toml: source must be a text or a path, got {'a': 1}"),
        (
            lambda: ds.simulate(SCENARIO, memory_limit_bytes="8GB"),
            "simulate: memory_limit_bytes must be a whole number, got '8GB'",
        ),
        (lambda: ds.compare(SCENARIO, RESULT), "compare: scenarios must be Scenario(...) or a dict, got a Result"),
        (lambda: ds.SLO(latency_p99=2.0), ", got 'latency_p99', did you mean 'latency_p99_s'?"),
        (lambda: ds.replicate(SCENARIO, metric="latency_p9_s", precision=0.1), "did you mean 'latency_p99_s'?"),
        (lambda: ds.Stream(view_type="new_images"), "got 'new_images', did you mean 'NEW_IMAGE'?"),
        (
            lambda: dataclasses.replace(SCENARIO, region="us-esat-1"),
            "Scenario.region must be a region of AWS such as us-east-1, got 'us-esat-1', did you mean 'us-east-1'?",
        ),
        (lambda: ds.flash_sale(base_per_s=9, peak_per_s=5), "flash_sale: peak_per_s must be >= base_per_s (9), got 5"),
        (lambda: ds.plots.lag(RESULT, colour="red"), "unexpected keyword argument 'colour'"),
    ],
)
def test_what_was_seen_is_told(call, words):
    with pytest.raises((ValueError, TypeError)) as error:
        call()
    assert words in str(error.value)
    assert len(str(error.value)) < 900


FRAMES = {
    "an empty frame": pd.DataFrame(),
    "the stream log": RESULT.stream_log,
    "writes": RESULT.writes,
    "a scenario": SCENARIO,
    "a text": "lag",
    "None": None,
    "a list of numbers": [1, 2],
    "prices": ds.prices(),
}
OF_OTHERS = {"describe"}
SOURCED = [getattr(ds.plots, name) for name in ds.plots.__all__ if name not in OF_OTHERS]


@pytest.mark.parametrize("given", FRAMES)
@pytest.mark.parametrize("plot", SOURCED, ids=lambda plot: plot.__name__)
def test_no_plot_takes_what_it_cannot_draw(plot, given):
    if (plot, given) == (ds.plots.heat_map, "an empty frame"):
        return
    with pytest.raises(ValueError, match=r"must be given|must be one of") as error:
        plot(FRAMES[given])
    assert_told(error)


@pytest.mark.parametrize(
    "plot",
    ["differences", "tornado", "drain", "heat_map", "interaction", "pareto", "view_types", "welch"],
)
def test_a_plot_of_a_comparison_takes_no_run(plot):
    with pytest.raises(ValueError, match=r"must be given, .*, got a Result"):
        getattr(ds.plots, plot)(RESULT)


def test_whatever_was_given_is_shown_in_a_line():
    values = [Anything(), "x" * 10**6, 10**10_000, -(10**500), [Anything()] * 9, {"a": "y" * 10**5}, b"z" * 10**5]
    values += [RESULT, SCENARIO, RESULT.writes, np.zeros(10**6), (("x" * 999,) * 3,), "a\nb\x00\u2028", "\ud800"]
    for value in values:
        assert len(shown(value)) <= 200
        assert shown(value).isprintable()
    assert shown(("a", 1)) == "('a', 1)"
    assert shown((1,)) == "(1,)"


LONG = "x" * 10**6
REPEATED = {
    "a scenario's file": lambda: ds.Scenario.from_toml(LONG),
    "a text taken for a file": lambda: ds.Scenario.from_toml("a = " + "[" * 10**5),
    "a field of a text": lambda: ds.Scenario.from_toml(f"duration_s = 1\n{LONG} = 1"),
    "a type of a text": lambda: ds.Scenario.from_toml(f"duration_s = 1\n[workload]\ntype = '{LONG}'"),
    "a trace": lambda: ds.read_trace(LONG),
    "the trace of a workload": lambda: ds.TraceWrites(trace=LONG).duration_s,
    "a price list": lambda: ds.load_price_list(LONG),
    "a folder to save in": lambda: RESULT.to_parquet(LONG),
    "a saved result": lambda: ds.read_result(LONG),
    "a store": lambda: ds.replicate(SCENARIO, 2, rng=1, store=LONG, executor="serial", progress=False),
    "a field to vary": lambda: ds.vary(SCENARIO, {LONG: 1}),
    "a field of a sweep": lambda: ds.sweep(SCENARIO, {LONG: [1]}, rng=1, progress=False),
    "a column": lambda: RESULT.latency(by=LONG),
    "an operation": lambda: ds.ItemWrites([(0, LONG, {"pk": 1})]),
    "a number": lambda: ds.ItemWrites([(0, "put", {"pk": 10**4000})]),
    "an ARN": lambda: RESULT.stream_client().describe_stream(StreamArn=LONG),
    "an iterator": lambda: RESULT.stream_client().get_records(ShardIterator=LONG),
}


@pytest.mark.parametrize("case", REPEATED)
def test_a_message_repeats_little_of_what_was_given(case):
    with pytest.raises((ValueError, OSError, RESULT.stream_client().exceptions.ClientError)) as error:
        REPEATED[case]()
    assert len(str(error.value)) < 1_500
    assert "x" * 1_000 not in str(error.value)


def test_no_message_repeats_a_value_of_any_length():
    # answers of handlers are told in one line of bounded length
    bounded = {"responses.py", "__main__.py", "checks.py"}
    for path in PACKAGE.rglob("*.py"):
        if path.name not in bounded:
            assert not re.search(r"got \{[^}]*!r\}", path.read_text()), path


def test_the_nearest_word_is_meant():
    assert closest("LAG_max_s", ["lag_max_s", "lost_records"]) == ", did you mean 'lag_max_s'?"
    assert closest("x" * 10_000, ["lag_max_s"]) == closest(3, ["lag_max_s"]) == ""
