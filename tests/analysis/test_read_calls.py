"""Billed GetRecords calls."""

import pandas as pd
import pytest

from ddbsim.analysis.read_calls import read_calls


@pytest.mark.parametrize(("start_s", "calls"), [(0, 600), (60, 360), (90, 240), (120, 120)])
def test_calls_before_the_warm_up_are_not_billed(start_s, calls):
    reads = pd.DataFrame({"minute_s": [0.0, 60.0, 120.0], "calls": [240, 240, 120]})
    assert read_calls(reads, start_s, 150.0) == calls
