"""Units that a table bills for its reads and writes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ddbsim.analysis.request_units import read_units, write_units


@pytest.mark.parametrize(
    ("before", "after", "units"),
    [(0, 1, 1), (0, 1024, 1), (0, 1025, 2), (1025, 10, 2), (2048, 0, 2), (0, 0, 1), (0, 409_600, 400)],
)
def test_a_write_pays_for_its_larger_image_in_whole_kilobytes(before, after, units):
    assert write_units(before, after) == units
    assert write_units(before, after, transactional=True) == 2 * units


def test_writes_are_counted_each_by_itself():
    units = write_units(np.array([0, 900, 5000]), np.array([100, 1100, 0]))
    assert units.tolist() == [1, 2, 5]
    assert units.dtype == np.int64


@pytest.mark.parametrize(
    ("size", "consistency", "units"),
    [
        (1, "eventual", 0.5),
        (4096, "eventual", 0.5),
        (4097, "eventual", 1.0),
        (0, "eventual", 0.5),
        (0, "strong", 1.0),
        (4097, "strong", 2.0),
        (4096, "transactional", 2.0),
        (409_600, "transactional", 200.0),
    ],
)
def test_a_read_pays_whole_blocks_of_four_kilobytes(size, consistency, units):
    assert read_units(size, consistency) == units


def test_reads_are_eventually_consistent_unless_said_otherwise():
    assert read_units([100, 9000]).tolist() == [0.5, 1.5]


@pytest.mark.parametrize("size", [-1, math.nan])
def test_a_size_below_zero_or_unknown_is_refused(size):
    with pytest.raises(ValueError, match="bytes_before must be 0 or more bytes, got"):
        write_units([5, size], [5, 5])
    with pytest.raises(ValueError, match="bytes_after must be 0 or more bytes, got"):
        write_units(5, size)
    with pytest.raises(ValueError, match="bytes_read must be 0 or more bytes, got"):
        read_units(size)


def test_an_unknown_consistency_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="consistency must be one of eventual, strong, transactional, got 'weak'"):
        read_units(5, "weak")
