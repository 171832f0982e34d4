"""What a run depends on is in its key: files, and code with all that it reaches; or a refusal says why not."""

import importlib
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from small_experiments import counted, small

import ddbsim as ds
from ddbsim.experiment.runs.fingerprint import NoFingerprintError, contents_of, fingerprint
from ddbsim.experiment.runs.store import RunStore
from ddbsim.workload import ItemWrites

NUMBERS = itertools.count()


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Write modules, import them, and return the handler of `handlers`."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def load(**texts):
        for name, text in texts.items():
            path = tmp_path.joinpath(*name.split("__")).with_suffix(".py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            # of one size and second, a module would be read from its cached bytecode
            os.utime(path, (0, next(NUMBERS) * 10))
            monkeypatch.delitem(sys.modules, name.replace("__", "."), raising=False)
        importlib.invalidate_caches()
        return importlib.import_module("handlers").handler

    yield load
    for name in ("handlers", "helpers", "kit", "kit.limits"):
        sys.modules.pop(name, None)


def scenario_of(handler, **fields):
    mapping = ds.EventSourceMapping(function=ds.Function(handler=handler, **fields))
    rows = [(0.1 * place, "put", {"pk": str(place)}) for place in range(20)]
    return ds.Scenario(workload=ItemWrites(rows), event_source_mappings=mapping, duration_s=20)


# a handler and its helpers, and what an edit replaces by what
EDITS = {
    "its own body": ("def handler(event, context):\n    return 1 + 1\n", "1 + 1", "1 - 1"),
    "a constant of its module": ("LIMIT = 10\ndef handler(event, context):\n    return LIMIT\n", "10", "11"),
    "a constant of another type": ("LIMIT = 1\ndef handler(event, context):\n    return LIMIT\n", "= 1", "= True"),
    "a constant inside": ("def handler(event, context):\n    return (1, 2)\n", "(1, 2)", "(True, 2)"),
    "a helper": (
        "def a(x):\n    return x\ndef handler(event, context):\n    return a(event)\n",
        "return x",
        "return 0",
    ),
    "a helper's helper": (
        "def b(x):\n    return x\ndef a(x):\n    return b(x)\ndef handler(event, context):\n    return a(event)\n",
        "return x",
        "return 0",
    ),
    "a function inside": (
        "def handler(event, context):\n    def inside():\n        return 5\n    return inside()\n",
        "5",
        "6",
    ),
    "a global of a comprehension": (
        "LIMIT = 3\ndef handler(event, context):\n    return [r for r in range(9) if r < LIMIT]\n",
        "LIMIT = 3",
        "LIMIT = 4",
    ),
    "a default": ("def handler(event, context, most=5):\n    return most\n", "5", "6"),
    "a keyword default": ("def handler(event, context, *, most=5):\n    return most\n", "5", "6"),
    "a closure": (
        "def make(most):\n    def handler(event, context):\n        return most\n    return handler\n"
        "handler = make(5)\n",
        "make(5)",
        "make(6)",
    ),
    "what a decorator wraps": (
        "import functools\ndef loud(f):\n    @functools.wraps(f)\n    def g(*a):\n        return f(*a)\n    return g\n"
        "@loud\ndef handler(event, context):\n    return 5\n",
        "5",
        "6",
    ),
    "what a decorator does": (
        "import functools\ndef loud(f):\n    @functools.wraps(f)\n    def g(*a):\n        return f(*a) or 5\n"
        "    return g\n"
        "@loud\ndef handler(event, context):\n    return None\n",
        "5",
        "6",
    ),
    "what a library's decorator wraps": (
        "import functools\n@functools.lru_cache\ndef a():\n    return 5\n"
        "def handler(event, context):\n    return a()\n",
        "5",
        "6",
    ),
    "what is bound beforehand": (
        "import functools\ndef a(most, event, context):\n    return most\nhandler = functools.partial(a, 5)\n",
        "5",
        "6",
    ),
    "a method": (
        "class Rule:\n    def holds(self):\n        return 5\nRULE = Rule()\ndef handler(event, context):\n"
        "    return RULE.holds()\n",
        "5",
        "6",
    ),
    "an attribute": (
        "class Rule:\n    def __init__(self, most):\n        self.most = most\nRULE = Rule(5)\n"
        "def handler(event, context):\n    return RULE.most\n",
        "5",
        "6",
    ),
    "a base class": (
        "class Base:\n    @staticmethod\n    def most():\n        return 5\nclass Rule(Base):\n    pass\n"
        "def handler(event, context):\n    return Rule.most()\n",
        "5",
        "6",
    ),
    "a property": (
        "class Rule:\n    @property\n    def most(self):\n        return 5\ndef handler(event, context):\n"
        "    return Rule().most\n",
        "5",
        "6",
    ),
    "an object that is called": (
        "class Handler:\n    def __call__(self, event, context):\n        return 5\nhandler = Handler()\n",
        "5",
        "6",
    ),
    "a bound method": (
        "class Handler:\n    most = 5\n    def handle(self, event, context):\n        return self.most\n"
        "handler = Handler().handle\n",
        "5",
        "6",
    ),
    "a dataclass": (
        "from dataclasses import dataclass\n@dataclass\nclass Rule:\n    most: int = 5\n"
        "def handler(event, context):\n    return Rule().most\n",
        "5",
        "6",
    ),
    "a named tuple": (
        "from typing import NamedTuple\nclass Rule(NamedTuple):\n    most: int = 5\n"
        "def handler(event, context):\n    return Rule().most\n",
        "5",
        "6",
    ),
    "an enumeration": (
        "from enum import Enum\nclass Rule(Enum):\n    MOST = 5\ndef handler(event, context):\n    return Rule.MOST\n",
        "5",
        "6",
    ),
    "a pattern": (
        "import re\nRULE = re.compile('a+')\ndef handler(event, context):\n    return RULE.match('a')\n",
        "a+",
        "a*",
    ),
    "an entry of a table": ("RULES = {'a': [1, {2}]}\ndef handler(event, context):\n    return RULES\n", "{2}", "{3}"),
    "a name that was not there": ("def handler(event, context):\n    return LIMIT\n", "def", "LIMIT = 5\ndef"),
    "what is caught": (
        "def handler(event, context):\n    try:\n        return 1\n    except KeyError:\n        return 2\n",
        "KeyError",
        "ValueError",
    ),
    "a global by a made-up name": (
        "LIMIT = 10\ndef handler(event, context):\n    return globals()['LIM' + 'IT']\n",
        "10",
        "11",
    ),
}
# a handler that uses another module, in which LIMIT = 10 becomes 11
USES = {
    "by attribute": "import helpers\ndef handler(event, context):\n    return helpers.LIMIT\n",
    "by another name": "import helpers as h\ndef handler(event, context):\n    return h.LIMIT\n",
    "by a helper": "import helpers\ndef handler(event, context):\n    return helpers.most()\n",
    "by name": "from helpers import most\ndef handler(event, context):\n    return most()\n",
    "handed on": "import helpers\ndef a(m):\n    return m.LIMIT\ndef handler(event, context):\n    return a(helpers)\n",
    "looked up": "import helpers\ndef handler(event, context):\n    return getattr(helpers, 'LIM' + 'IT')\n",
    "imported inside": "def handler(event, context):\n    import helpers\n    return helpers.LIMIT\n",
    "a name imported inside": "def handler(event, context):\n    from helpers import LIMIT\n    return LIMIT\n",
    "held by a local name": "import helpers\ndef handler(event, context):\n    h = helpers\n    return h.LIMIT\n",
}
HELPERS = "LIMIT = 10\ndef most():\n    return LIMIT\n"


@pytest.mark.parametrize(("text", "old", "new"), EDITS.values(), ids=EDITS)
def test_an_edit_of_what_a_handler_reaches_is_another_run(modules, text, old, new):
    assert old in text
    prints = [fingerprint(modules(handlers=one)) for one in (text, text.replace(old, new, 1), text)]
    assert prints[0] == prints[2] != prints[1]


@pytest.mark.parametrize("text", USES.values(), ids=USES)
def test_an_edit_of_a_module_that_a_handler_uses_is_another_run(modules, text):
    edited = HELPERS.replace("10", "11")
    prints = [fingerprint(modules(helpers=one, handlers=text)) for one in (HELPERS, edited, HELPERS)]
    assert prints[0] == prints[2] != prints[1]


def test_a_module_of_a_package_is_followed(modules):
    text = "import kit.limits\ndef handler(event, context):\n    return kit.limits.LIMIT\n"
    prints = []
    for limit in ("10", "11"):
        modules(kit____init__="", kit__limits=f"LIMIT = {limit}\n", handlers="def handler(e, c):\n    return 1\n")
        sys.modules.pop("kit", None)
        sys.modules.pop("kit.limits", None)
        prints.append(fingerprint(modules(handlers=text)))
    assert prints[0] != prints[1]


def test_a_value_set_in_the_running_process_is_another_run(modules):
    handler = modules(helpers=HELPERS, handlers=USES["by a helper"])
    before = fingerprint(handler)
    sys.modules["helpers"].LIMIT = 11
    assert fingerprint(handler) != before


def test_what_a_handler_does_not_reach_makes_no_other_run(modules):
    text = "OTHER = 1\ndef handler(event, context):\n    return 1\ndef beside():\n    return OTHER\n"
    assert fingerprint(modules(handlers=text)) == fingerprint(
        modules(handlers=f"# told\n\n{text}".replace("= 1", "= 2"))
    )


def test_the_place_of_a_module_makes_no_other_run(modules):
    text = "LIMIT = 3\ndef handler(event, context):\n    return LIMIT\n"
    first = fingerprint(modules(handlers=text))
    modules(helpers=text, handlers=text)
    assert fingerprint(sys.modules["handlers"].handler) == first
    assert fingerprint(importlib.import_module("helpers").handler) == first


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import threading\nLOCK = threading.Lock()\ndef handler(e, c):\n    return LOCK\n", "handler: LOCK holds"),
        ("import importlib\ndef handler(e, c):\n    return importlib.import_module('a')\n", "imports modules by names"),
        ("def handler(e, c):\n    return __import__('a')\n", "imports modules by names"),
    ],
    ids=["lock", "import_module", "__import__"],
)
def test_what_cannot_be_followed_is_refused_with_the_reason(modules, tmp_path, text, words):
    scenario = scenario_of(modules(handlers=text))
    with pytest.raises(NoFingerprintError, match=rf"(?s){words}.*leave store= out"):
        ds.replicate(scenario, 1, rng=7, executor="serial", store=tmp_path / "store", progress=False)


def test_recursion_marks_and_libraries_are_followed(modules):
    text = (
        "import json, logging, decimal, collections\nimport numpy as np\nimport pandas as pd\n"
        "LOG = logging.getLogger('a')\nMISSING = object()\nSEEN = collections.defaultdict(list)\n"
        "def even(n):\n    return n == 0 or odd(n - 1)\ndef odd(n):\n    return n != 0 and even(n - 1)\n"
        "TABLE = {}\nTABLE['self'] = TABLE\nARRAY = np.arange(LAST)\nSERIES = pd.Series([1.0])\n"
        "def handler(event, context):\n"
        "    LOG.info(json.dumps(event)); return even(3), MISSING, SEEN, TABLE, ARRAY, SERIES, decimal.Decimal(1)\n"
    )
    prints = {last: fingerprint(modules(handlers=text.replace("LAST", last))) for last in "34"}
    assert prints["3"] != prints["4"]
    assert fingerprint(modules(handlers=text.replace("LAST", "3"))) == prints["3"]


def test_another_process_finds_the_same_print(modules, tmp_path):
    text = EDITS["a dataclass"][0] + "NAMES = {'a', 'b', 'c'}\ndef more():\n    return NAMES\n"
    imported = "import handlers\nfrom ddbsim.experiment.runs.fingerprint import fingerprint\n"
    code = f"{imported}print(fingerprint(handlers.handler))"
    here = fingerprint(modules(handlers=text))
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": f"{tmp_path}{os.pathsep}{sys.path[0]}"}
        environment["PYTHONPATH"] += os.pathsep + str(Path(ds.__file__).parents[1])
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == here


def test_classes_of_ones_own_are_followed():
    assert fingerprint(counted("a")) == fingerprint(counted("a")) != fingerprint(counted("b"))

    def keys(most):
        class Keys(ds.UniformKeys):
            def draw(self, *arguments):
                return most

        return ds.vary(small(), {"keys": Keys(items=5)})

    assert fingerprint(keys(1)) == fingerprint(keys(1)) != fingerprint(keys(2))


def test_the_stores_key_follows_what_is_measured_by_name_and_moves_with_no_file(tmp_path):
    assert "ddbsim.experiment" not in repr(RunStore(tmp_path / "store").folder)
    moved = type("Constant", (), {"__module__": "ddbsim.elsewhere.constant"})
    stayed = type("Constant", (), {"__module__": "ddbsim.distributions"})
    assert fingerprint(moved) == fingerprint(stayed)


def test_another_release_of_a_library_is_another_run(monkeypatch):
    from ddbsim.experiment.runs import fingerprint as module

    before = fingerprint(small())
    monkeypatch.setattr(module, "_versions", lambda: "numpy 99")
    assert fingerprint(small()) != before


# files

HEADER = "timestamp,value\n"


def trace(path, per_minute):
    rows = "".join(f"2026-01-01T00:{minute:02d}:00Z,{per_minute}\n" for minute in range(6))
    path.write_text(HEADER + rows)
    return ds.Scenario(workload=ds.TraceWrites(trace=str(path)), duration_s=300)


@pytest.mark.parametrize("wrap", [lambda w: w, lambda w: ds.BatchedWrites(workload=w, size=5)], ids=["bare", "batched"])
@pytest.mark.parametrize("executor", ["serial", "threads"])
def test_an_edited_trace_is_read_anew(tmp_path, wrap, executor):
    path, store = tmp_path / "t.csv", tmp_path / "store"
    counts = {}
    for per_minute in (60, 600):
        scenario = trace(path, per_minute)
        scenario = ds.Scenario(workload=wrap(scenario.workload), duration_s=300)
        runs = ds.replicate(scenario, 2, rng=7, executor=executor, store=store, progress=False)
        counts[per_minute] = runs.runs["processed_records"].tolist()
        alone = ds.simulate(scenario, rng=runs.seed_of(0), progress=False)
        assert counts[per_minute][0] == (alone.stream_log["outcome"] == "processed").sum()
    assert min(counts[600]) > 5 * max(counts[60])
    trace(path, 60)
    again = ds.replicate(
        ds.Scenario(workload=wrap(ds.TraceWrites(trace=str(path))), duration_s=300),
        2, rng=7, executor=executor, store=store, progress=False,
    )  # fmt: skip
    assert again.runs["processed_records"].tolist() == counts[60]


def test_an_edit_of_the_same_size_and_date_is_seen(tmp_path):
    path = tmp_path / "t.csv"
    scenario = trace(path, 100)
    date = path.stat().st_mtime_ns
    before = ds.simulate(scenario, rng=7, progress=False)
    trace(path, 900)
    os.utime(path, ns=(date, date))
    after = ds.simulate(scenario, rng=7, progress=False)
    assert len(after.writes) > 5 * len(before.writes)
    assert fingerprint(scenario) != fingerprint(trace(path, 100))


def test_a_moved_trace_is_the_same_run(tmp_path):
    first = fingerprint(trace(tmp_path / "a.csv", 60))
    assert fingerprint(trace(tmp_path / "b.csv", 60)) == first


def test_a_missing_trace_is_told(tmp_path):
    workload = ds.TraceWrites(trace=str(tmp_path / "none.csv"))
    with pytest.raises(NoFingerprintError, match=r"trace names the file .*none\.csv, which cannot be read"):
        fingerprint(workload)
    assert contents_of(workload) is None


def test_a_changed_helper_is_run_again_and_not_taken_from_the_store(modules, tmp_path):
    text = (
        "LIMIT = 1000\ndef small(record):\n    return int(record['dynamodb']['Keys']['pk']['S']) < LIMIT\n"
        "def handler(event, context):\n    if not all(map(small, event['Records'])):\n        raise ValueError\n"
    )

    def lost(store):
        handler = sys.modules["handlers"].handler
        mapping = ds.EventSourceMapping(function=ds.Function(handler=handler), batch_size=1, maximum_retry_attempts=0)
        runs = ds.replicate(
            ds.Scenario(
                workload=ItemWrites([(0.1 * n, "put", {"pk": str(n)}) for n in range(40)]),
                event_source_mappings=mapping,
                duration_s=60,
            ),
            2, rng=7, executor="serial", store=store, progress=False,
        )  # fmt: skip
        return runs.runs["lost_records"].tolist()

    modules(handlers=text)
    assert lost(tmp_path / "store") == [0, 0]
    sys.modules["handlers"].LIMIT = 10
    assert lost(tmp_path / "store") == lost(None) == [30, 30]


def test_frames_and_texts_that_are_no_text_are_told_apart():
    values = [pd.DataFrame({"a": [1]}, index=[0]), pd.DataFrame({"a": [1]}, index=[5]), "\ud800", "\ud801", json.loads]
    assert len({fingerprint(value) for value in values}) == len(values)
