"""`TokenBucket`: holds a sender to a rate, on a monotonic clock."""

import time
from collections.abc import Callable


class TokenBucket:
    """At most `rate` events a second, in bursts of at most a tenth of a second's worth.

    Parameters
    ----------
    rate
        Events a second, above zero.
    clock, sleep
        Seconds that never run backwards, and how to let them pass.
    """

    def __init__(
        self, rate: float, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._rate = rate
        self._burst = max(1.0, rate / 10)
        self._clock, self._sleep = clock, sleep
        self._tokens = 1.0
        self._at = clock()

    def take(self) -> None:
        """Wait until one more event may go."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate) - 1
        self._at = now
        if self._tokens < 0:
            self._sleep(-self._tokens / self._rate)
