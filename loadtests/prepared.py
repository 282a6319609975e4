"""Data and a stack with a model in it, for benches on a machine where nothing was ever made."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadtests.known import write_known_diners
from loadtests.programs import maitred
from loadtests.stack import Stack, running, status
from maitred.clock import SystemClock
from maitred.errors import Refused

__all__ = ["HOME", "RESTAURANTS", "city_stack", "dataset", "known_diners"]

HOME = Path(".maitred/bench")
RESTAURANTS = 5_000
"""Of the city whose diners are served; as many diners."""
_SERVED_WITHIN_S = 10.0


def dataset() -> Path:
    """Return a data set folder: Entree where it can be had, else a synthetic city; made once."""
    for name in ("entree", "city"):
        if (HOME / name / "dataset.json").is_file():
            return HOME / name
    try:
        maitred("data", "fetch", "entree", "--out", str(HOME / "entree"))
    except Refused:
        maitred("data", "synth", "--out", str(HOME / "city"))
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
            said = maitred("models", "publish", str(_city_run()), redis_url=stack.redis_url)
            maitred("models", "promote", said.split()[-1], redis_url=stack.redis_url)
        clock = SystemClock()
        until = clock.monotonic() + _SERVED_WITHIN_S
        while not (stack := Stack.of(status(home))).models.get("clicks"):
            if clock.monotonic() > until:
                msg = f"the model was promoted, and the stack in {home} does not serve it"
                raise Refused(msg, next_step="see the inference log in that folder")
            clock.sleep(0.2)
        yield stack


def known_diners(stack: Stack) -> Path:
    """Return a file of diners whom the served model knows.

    Raises:
        Refused: if there are none.
    """
    users = write_known_diners(stack)
    if users is None:
        msg = "the served model knows no diners, so nothing would be personalised"
        raise Refused(msg, next_step=f"remove {HOME} and run it again")
    return users


def _city_run() -> Path:
    city, run = HOME / "city-5000", HOME / "city-5000-run"
    if not (city / "dataset.json").is_file():
        size = ("--restaurants", str(RESTAURANTS), "--diners", str(RESTAURANTS))
        maitred("data", "synth", *size, "--out", str(city))
    maitred("train", "--data", str(city), "--objective", "clicks", "--no-baselines",
             "--out", str(run))  # fmt: skip
    return run
