"""What a recommendation spends where, read from the service's own metrics before and after a load."""

import re

import httpx

__all__ = ["CpuByStep"]

_SUM = re.compile(r'^maitred_step_seconds_sum\{step="(\w+)"\} (\S+)$', re.MULTILINE)
_REPLIES = re.compile(r"^maitred_recommendation_seconds_count (\S+)$", re.MULTILINE)


class CpuByStep:
    """Milliseconds of each step since this was made, per reply.

    Steps run on one thread without waiting, so their time is the processor's, but for ``diner``,
    which waits for Redis while other requests run.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._before = self._read()

    def ms_per_request(self) -> dict[str, float]:
        """Return the mean of each step, in the order in which requests take them."""
        sums, replies = self._read()
        before, replies_before = self._before
        asked = max(replies - replies_before, 1.0)
        return {
            step: (seconds - before.get(step, 0.0)) * 1e3 / asked for step, seconds in sums.items()
        }

    def _read(self) -> tuple[dict[str, float], float]:
        text = httpx.get(f"{self._url}/metrics", trust_env=False).raise_for_status().text
        sums = {step: float(value) for step, value in _SUM.findall(text)}
        return sums, sum(map(float, _REPLIES.findall(text)))
