"""Data and a stack with a model in it, for benches on a machine where nothing was ever made."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadtests.stack import Stack, running, status
from maitred.clock import SystemClock
from maitred.errors import Refused
from maitred.settings import child_environment

__all__ = ["HOME", "RESTAURANTS", "city_stack", "dataset"]

HOME = Path(".maitred/bench")
RESTAURANTS = 5_000
"""Of the city whose diners are served; as many diners."""
_SERVED_WITHIN_S = 10.0
_MAITRED = str(Path(sys.executable).with_name("maitred"))


def dataset() -> Path:
    """Return a data set folder: Entree where it can be had, else a synthetic city; made once."""
    for name in ("entree", "city"):
        if (HOME / name / "dataset.json").is_file():
            return HOME / name
    try:
        _maitred("data", "fetch", "entree", "--out", str(HOME / "entree"))
    except Refused:
        _maitred("data", "synth", "--out", str(HOME / "city"))
        return HOME / "city"
    return HOME / "entree"


@contextmanager
def city_stack() -> Iterator[Stack]:
    """Give a running stack of the bench's own that serves a synthetic city of 5,000 restaurants.

    Its data and model are made the first time, which takes some two minutes.
    """
    home = HOME / "stack"
    with running(home) as stack:
        if not stack.models.get("clicks"):
            said = _maitred("models", "publish", str(_city_run()), redis_url=stack.redis_url)
            _maitred("models", "promote", said.split()[-1], redis_url=stack.redis_url)
        clock = SystemClock()
        until = clock.monotonic() + _SERVED_WITHIN_S
        while not (stack := Stack.of(status(home))).models.get("clicks"):
            if clock.monotonic() > until:
                msg = f"the model was promoted, and the stack in {home} does not serve it"
                raise Refused(msg, next_step="see the inference log in that folder")
            clock.sleep(0.2)
        yield stack


def _city_run() -> Path:
    city, run = HOME / "city-5000", HOME / "city-5000-run"
    if not (city / "dataset.json").is_file():
        size = ("--restaurants", str(RESTAURANTS), "--diners", str(RESTAURANTS))
        _maitred("data", "synth", *size, "--out", str(city))
    _maitred("train", "--data", str(city), "--objective", "clicks", "--no-baselines",
             "--out", str(run))  # fmt: skip
    return run


def _maitred(*arguments: str, redis_url: str | None = None) -> str:
    done = subprocess.run(  # noqa: S603  # our own program, no shell
        [_MAITRED, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=child_environment(redis_url=redis_url),
    )
    if done.returncode != 0:
        msg = f"maitred {' '.join(arguments[:2])} failed: {done.stderr.strip()[-400:]}"
        raise Refused(msg)
    return done.stdout
