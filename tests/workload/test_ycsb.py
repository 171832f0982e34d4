import math

import numpy as np
import pytest

import ddbsim as ds
from ddbsim.randomness import RandomStreams
from ddbsim.workload import INSERT, MODIFY


def drawn(name, *, ops_per_s=2_000, duration_s=50, **settings):
    return ds.ycsb(name, ops_per_s=ops_per_s, **settings).draw(duration_s, RandomStreams(7))


@pytest.mark.parametrize(
    ("name", "per_op", "reads_per_op", "operation"),
    [
        ("A", 0.5, 0.5, MODIFY),
        ("B", 0.05, 0.95, MODIFY),
        ("D", 0.05, 0.95, INSERT),
        ("E", 0.05, 0.0, INSERT),
        ("F", 0.5, 1.0, MODIFY),
    ],
)
def test_only_the_writes_of_the_published_mixes_come(name, per_op, reads_per_op, operation):
    writes = drawn(name)
    assert abs(len(writes) - 100_000 * per_op) < 5 * math.sqrt(100_000 * per_op)
    assert set(writes.operation.tolist()) == {operation}
    mix = ds.YCSB_MIXES[name]
    assert (mix.write_share, mix.read_share) == (per_op, reads_per_op)


def test_every_mix_is_whole():
    assert [round(sum(mix), 12) for mix in ds.YCSB_MIXES.values()] == [1.0] * 6


@pytest.mark.parametrize("name", ["A", "B", "F"])
def test_updates_have_the_frequencies_of_zipf_099_within_sampling_error(name):
    records = 100
    counts = np.bincount(drawn(name, records=records, ops_per_s=20_000).item_id, minlength=records)
    shares = np.arange(1, records + 1) ** -0.99
    expected = counts.sum() * shares / shares.sum()
    assert expected.min() > 5
    square = ((counts - expected) ** 2 / expected).sum()
    cells = records - 1
    assert abs(square - cells) < 5 * math.sqrt(2 * cells)


def test_the_hottest_of_a_thousand_records_has_the_share_that_is_told():
    counts = np.bincount(drawn("A", ops_per_s=20_000).item_id, minlength=1_000)
    assert counts[0] / counts.sum() == pytest.approx(0.129, abs=0.003)


@pytest.mark.parametrize("name", ["D", "E"])
def test_inserts_make_new_items(name):
    writes = drawn(name, records=50)
    assert writes.item_id.tolist() == list(range(50, 50 + len(writes)))
    assert not writes.bytes_before.any()


def test_items_have_ten_fields_of_a_hundred_bytes():
    writes = drawn("a", key_bytes=20)
    assert set(writes.bytes_before.tolist()) == set(writes.bytes_after.tolist()) == {10 * 100 + 10 * 6 + 20}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"workload": "C"}, "must be one that writes, got 'C': all its operations are reads"),
        ({"workload": "G"}, "must be one of A, B, C, D, E, F, got 'G'"),
        ({"workload": 1}, "ycsb: workload must be a text, got 1"),
        ({"workload": "A", "records": 0}, "ycsb: records must be a finite number >= 1, got 0"),
        ({"workload": "A", "ops_per_s": -1}, "ycsb: ops_per_s must be a finite number >= 0, got -1"),
        ({"workload": "A", "key_bytes": 1.5}, "ycsb: key_bytes must be a whole number, got 1.5"),
    ],
)
def test_wrong_arguments_are_told(arguments, sentence):
    with pytest.raises(ValueError, match=sentence.replace("[", r"\[")):
        ds.ycsb(**{"ops_per_s": 100} | arguments)


def test_a_flash_sale_falls_on_a_few_items_while_it_lasts():
    sale = ds.flash_sale(base_per_s=20, peak_per_s=2_000, at_s=10, lasting_s=20, items=500, hot_items=3, hot_share=0.9)
    writes = sale.draw(60, RandomStreams(7))
    inside = (writes.at_s >= 10) & (writes.at_s < 30)
    assert abs(inside.sum() - 40_000) < 5 * math.sqrt(40_000)
    assert abs((~inside).sum() - 800) < 5 * math.sqrt(800)
    assert (writes.item_id < 3).mean() == pytest.approx(0.9, abs=0.01)
