"""Runs as they were when they were pinned: of forty scenarios of every feature, what each frame sums to.

To pin them anew after a change that is meant to change results: ``python tests/golden/test_golden.py``, and say why.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from every_feature import scenario_of

import ddbsim as ds
from ddbsim.result.result import FRAMES

PINNED = Path(__file__).parent / "runs.json"
NUMBERS = range(1_000, 1_040)


def told(number: int) -> dict[str, Any]:
    """Return what a scenario's run comes to: rows of each frame, and the sums of the numbers in the main ones."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ds.IneffectiveSettingWarning)
        result = ds.simulate(scenario_of(number)[0], rng=number, progress=False)
    found: dict[str, Any] = {"rows": {name: len(result.frame(name)) for name in FRAMES}}
    for name in ("stream_log", "invocations", "writes", "latency_parts", "read_log"):
        numbers = result.frame(name).select_dtypes("number")
        found[name] = {column: float(total) for column, total in numbers.sum().items()}
    found["usd_per_month"] = result.bill().usd_per_month
    return found


@pytest.mark.parametrize("number", NUMBERS)
def test_a_run_is_what_it_was(number):
    pinned = json.loads(PINNED.read_text())[str(number)]
    found = told(number)
    assert found["rows"] == pinned["rows"]
    for name, sums in pinned.items():
        # the last bits of a logarithm differ between processors
        assert found[name] == pytest.approx(sums, rel=1e-9, abs=1e-9, nan_ok=True), name


if __name__ == "__main__":
    PINNED.write_text(json.dumps({number: told(number) for number in NUMBERS}, indent=0) + "\n")
