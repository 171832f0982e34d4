import re
from pathlib import Path

import pytest

import ddbsim as ds

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands(text: str) -> list[str]:
    blocks = text.split("```bash\n")[1:]
    return [line for block in blocks for line in block.split("```")[0].strip().splitlines()]


def test_ci_runs_the_test_command_as_the_readme_has_it():
    (command,) = [line for line in commands(README) if line.startswith("pip install uv") and "pytest" in line]
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_the_files_named_in_the_readme_exist():
    for name in ("data/day_of_traffic.toml", "notebooks/00_first_run.ipynb", "tests/benchmarks/speed.py"):
        assert name in README
        assert (ROOT / name).exists()


def test_the_sketch_of_the_readme_runs_when_shortened():
    pytest.importorskip("matplotlib").use("agg")
    sketch = README.split("```python\n")[1].split("```")[0]
    assert "duration_s=600" in sketch
    short = sketch.replace("duration_s=600", "duration_s=4").replace("warmup_s=60", "warmup_s=1")
    scope: dict[str, object] = {}
    exec(short, scope)
    result = scope["result"]
    assert len(result.stream_log) > 10_000


# what a name starts from: the package, a run, or a scenario
OWNERS = {"ds": ds, "result": ds.Result, "scenario": ds.Scenario}


def there(dotted: str) -> bool:
    """Whether `ds.plots.lag`, `result.lag`, `.lag` (of a result) or `Table` is a name of the package."""
    first, *rest = dotted.split(".")
    owner = OWNERS.get(first or "result", getattr(ds, first, None) if first else None)
    for name in rest:
        owner = getattr(owner, name, None)
    return owner is not None


def named() -> set[str]:
    """Return the names of Python in the README's inline code and blocks."""
    prose, blocks = re.sub(r"```.*?```", "", README, flags=re.DOTALL), README.split("```python\n")[1:]
    spans = re.findall(r"`([^`]+)`", prose)
    # a class stands alone or is called; an attribute follows its owner, which a list names once
    pattern = re.compile(r"(?:ds|result|scenario)?(?:\.[a-zA-Z_]\w*)+(?=\(|$)|(?:[A-Z][a-z]+)+[A-Z]?(?=\(|$)")
    inline = {match[0] for span in spans if (match := pattern.match(span)) and "/" not in span}
    code = "\n".join(block.split("```")[0] for block in blocks)
    return inline | set(re.findall(r"\b(?:ds|result)(?:\.[a-zA-Z_]\w*)+", code))


def test_every_name_of_the_readme_is_one_of_the_package():
    names = named()
    assert {"ds.simulate", "result.bill", ".ecdf", "PoissonWrites", "ds.plots.lag"} <= names
    assert not [name for name in sorted(names) if not there(name)]
