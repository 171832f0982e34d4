import pickle

import pandas as pd
import pytest

import ddbsim as ds
from ddbsim.log.schema import SCHEMA
from ddbsim.result.result import FRAMES


def run(rate_per_s):
    scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=rate_per_s), duration_s=90)
    return ds.simulate(scenario, rng=3, progress=False)


@pytest.fixture(scope="module", params=[0, 5], ids=["no records", "records"])
def result(request):
    return run(request.param)


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_has_the_columns_and_dtypes_of_the_schema(result, name):
    frame = result.frame(name)
    assert {column: str(kind) for column, kind in frame.dtypes.items()} == {c.name: c.dtype for c in SCHEMA[name]}


def test_metrics_have_a_row_per_minute(result):
    assert result.metrics["minute_s"].tolist() == [0.0, 60.0]


def test_a_result_can_be_pickled(result):
    again = pickle.loads(pickle.dumps(result))
    for name in FRAMES:
        pd.testing.assert_frame_equal(again.frame(name), result.frame(name))


def test_analyses_take_a_run_without_records():
    empty = run(0)
    assert empty.latency().empty
    assert empty.ecdf().empty
    assert empty.lag().empty
    assert empty.waits().empty
    assert empty.throughput().empty
    assert empty.capacity()["offered_per_s"].eq(0).all()
    assert "records" in str(empty.summary) or "latency" not in str(empty.summary)
    for plot in (ds.plots.lag, ds.plots.latency, ds.plots.waits, ds.plots.throughput):
        ax = plot(empty)
        assert [text.get_text() for text in ax.texts] == ["nothing to show"]
        assert ax.get_title()
