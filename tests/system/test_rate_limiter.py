"""The rate limiter of the adaptive mode, against botocore's own."""

import math

import numpy as np
import pytest

from ddbsim.system.table.clients.rate_limiter import RateLimiter

adaptive = pytest.importorskip("botocore.retries.adaptive", reason="needs boto3")
bucket = pytest.importorskip("botocore.retries.bucket", reason="needs boto3")
throttling = pytest.importorskip("botocore.retries.throttling", reason="needs boto3")


class Clock:
    """Time that passes when somebody waits; also the condition that a bucket waits for, and what judges an answer."""

    def __init__(self):
        self.now_s = 0.0

    def current_time(self):
        return self.now_s

    def wait(self, seconds):
        # botocore waits again for the rest that rounding leaves
        self.now_s = max(self.now_s + seconds, math.nextafter(self.now_s, math.inf))

    def notify(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def is_throttling_error(self, *, throttled):
        return throttled


def botocores(clock):
    tokens = bucket.TokenBucket(max_rate=1, clock=clock)
    tokens._new_fill_rate_condition = clock
    cubic = throttling.CubicCalculator(starting_max_rate=0, start_time=clock.now_s)
    return adaptive.ClientRateLimiter(cubic, adaptive.RateClocker(clock), tokens, clock, clock)


@pytest.mark.parametrize("refused_share", [0.0, 0.02, 0.3, 0.9])
@pytest.mark.parametrize("latency_s", [0.004, 0.2, 1.7])
def test_it_sends_when_botocore_does(latency_s, refused_share):
    rng = np.random.default_rng(7)
    clock, own = Clock(), RateLimiter()
    theirs, now_s = botocores(clock), 0.0
    waited_s = 0.0
    for number in range(400):
        delay_s = own.delay(now_s)
        now_s, waited_s = now_s + delay_s, waited_s + delay_s
        theirs.on_sending_request(None)
        assert now_s == pytest.approx(clock.now_s, abs=1e-6)
        # botocore's bucket fills before the first throttle, too: here that is the first answer of all
        throttled = number == 0 or rng.random() < refused_share
        pause_s = rng.exponential(latency_s) if number else 0.0
        now_s, clock.now_s = now_s + pause_s, clock.now_s + pause_s
        own.learn(now_s, throttled)
        theirs.on_receiving_response(throttled=throttled)
    assert waited_s > 1.0
