import math

import numpy as np
import pandas as pd
import pytest

from ddbsim.analysis.student import half_width, mean_intervals

# quantiles of Student's t at 97.5 % and 99.5 %, from printed tables
TABLE = [(2, 0.95, 12.706), (3, 0.95, 4.303), (10, 0.95, 2.262), (31, 0.95, 2.042), (10, 0.99, 3.250)]


@pytest.mark.parametrize(("count", "confidence", "quantile"), TABLE)
def test_the_half_width_is_that_of_the_printed_tables(count, confidence, quantile):
    assert half_width(1.0, count, confidence) == pytest.approx(quantile / math.sqrt(count), rel=1e-3)


def test_of_one_value_no_interval_can_be_told():
    assert np.isnan(half_width([1.0, 1.0], [1, 0])).all()


def test_the_interval_covers_the_mean_as_often_as_it_says():
    values = np.random.default_rng(7).exponential(1.0, (4_000, 20))
    width = half_width(values.std(axis=1, ddof=1), 20, 0.9)
    covered = np.abs(values.mean(axis=1) - 1.0) <= width
    # of skewed values a little less often
    assert 0.86 < covered.mean() < 0.92


def test_intervals_per_group():
    values = pd.DataFrame({"kind": ["b", "b", "a"], "usd": [1.0, 3.0, 5.0]})
    frame = mean_intervals(values, "usd", by=["kind"])
    assert frame["kind"].tolist() == ["b", "a"]
    assert frame["usd"].tolist() == [2.0, 5.0]
    assert frame.loc[0, "usd_high"] - 2.0 == pytest.approx(12.7062)
    assert frame.loc[1, ["usd_low", "usd_high"]].isna().all()
