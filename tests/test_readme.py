from pathlib import Path

import pytest

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
