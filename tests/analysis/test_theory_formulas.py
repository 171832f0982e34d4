"""The closed forms themselves, against textbook values and against each other; runs are held to them elsewhere."""

import math

import pytest

from ddbsim.analysis.theory import lane_capacity_per_s, little, md1_wait_s, mg1_wait_s, read_capacity_per_s


@pytest.mark.parametrize("load", [0.1, 0.5, 0.9])
def test_with_exponential_service_the_wait_is_that_of_m_m_1(load):
    service_s = 0.2
    assert mg1_wait_s(load / service_s, service_s, service_s**2) == pytest.approx(load * service_s / (1 - load))


@pytest.mark.parametrize("load", [0.1, 0.5, 0.9])
def test_constant_service_waits_half_as_long_as_exponential(load):
    assert md1_wait_s(load, 1.0) == pytest.approx(mg1_wait_s(load, 1.0, 1.0) / 2)


def test_a_textbook_value():
    # rho = 0.8: Wq = rho / (2 mu (1 - rho)) = 0.8 / (2 x 10 x 0.2)
    assert md1_wait_s(8.0, 0.1) == pytest.approx(0.2)


@pytest.mark.parametrize("rate", [10.0, 11.0])
def test_an_overloaded_queue_waits_for_ever(rate):
    assert md1_wait_s(rate, 0.1) == math.inf


def test_littles_law():
    assert little(5.0, 0.4) == 2.0


def test_lanes_carry_full_batches_back_to_back():
    assert lane_capacity_per_s(4, 100, 0.185, 0.015) == pytest.approx(2_000.0)
    assert lane_capacity_per_s(4, 100, 0.0) == math.inf
    assert lane_capacity_per_s(0, 100, 1.0) == 0.0


@pytest.mark.parametrize(("record_bytes", "expected"), [(100.0, 8_000.0), (0.0, 8_000.0), (10_485.76, 800.0)])
def test_reads_are_bound_by_records_or_by_bytes(record_bytes, expected):
    assert read_capacity_per_s(2, record_bytes, 0.25, 1_000, 2**20) == pytest.approx(expected)
