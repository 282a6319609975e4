"""Data and a stack with a model in it, for benches on a machine where nothing was ever made."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadtests.known import write_known_diners
from loadtests.programs import maitred
from loadtests.stack import Stack, likely_state, running, status
from maitred.artifact import read_manifest
from maitred.clock import SystemClock
from maitred.errors import Refused
from maitred.settings import load
from maitred.store import models
from maitred.store.client import connect

__all__ = ["HOME", "RESTAURANTS", "city_stack", "dataset", "known_diners", "stack_to_load"]

HOME = Path(".maitred/bench")
RESTAURANTS = 5_000
"""Of the city whose diners are served; as many diners."""
_SERVED_WITHIN_S = 10.0
_REDIS_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class _Run:
    """A model of the city; one that is not served is there to take over."""

    folder: str
    objective: str
    seed: int = 7
    is_served: bool = True


_CITY: Final = (_Run("city-5000-run", "clicks"),)
_MORE_OF_IT: Final = (
    _Run("city-5000-revenue", "revenue"),
    _Run("city-5000-other", "clicks", seed=8, is_served=False),
)


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
def stack_to_load(state: Path | None) -> Iterator[Stack]:
    """Give a running stack with a model in it, wherever there is one.

    That of ``state``, whatever it serves, if named; else of the settings, if it runs or has served;
    else what the demo left; else a synthetic city, made for it and kept.
    """
    found = state or likely_state(load().state_dir)
    if found is None:
        with city_stack((*_CITY, *_MORE_OF_IT)) as stack:
            yield stack
    else:
        with running(found) as stack:
            yield stack


@contextmanager
def city_stack(runs: Sequence[_Run] = _CITY) -> Iterator[Stack]:
    """Give a running stack of the bench's own that serves a synthetic city of 5,000 restaurants.

    Its data and models are made the first time, which takes a minute for each and one more.
    """
    home = HOME / "stack"
    with running(home) as stack:
        for run in runs:
            _publish(_fitted(run), run, stack)
        wanted = {run.objective for run in runs}
        clock = SystemClock()
        until = clock.monotonic() + _SERVED_WITHIN_S
        while not all((stack := Stack.of(status(home))).models.get(name) for name in wanted):
            if clock.monotonic() > until:
                msg = f"models were promoted, and the stack in {home} does not serve them"
                raise Refused(msg, next_step=f"see the inference log there, or remove {HOME}")
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


def _publish(folder: Path, run: _Run, stack: Stack) -> None:
    version, _ = read_manifest(folder / "model")
    with connect(stack.redis_url, timeout_s=_REDIS_TIMEOUT_S) as redis:
        is_there = models.has_version(redis, version)
    if not is_there:
        maitred("models", "publish", str(folder), redis_url=stack.redis_url)
    if run.is_served and not stack.models.get(run.objective):
        maitred("models", "promote", version, redis_url=stack.redis_url)


def _fitted(run: _Run) -> Path:
    city, folder = HOME / "city-5000", HOME / run.folder
    if (folder / "model" / "manifest.json").is_file():
        return folder
    if not (city / "dataset.json").is_file():
        _say(f"making a city of {RESTAURANTS} restaurants in {city}, once")
        size = ("--restaurants", str(RESTAURANTS), "--diners", str(RESTAURANTS))
        maitred("data", "synth", *size, "--out", str(city))
    _say(f"fitting a model of {run.objective} to it, once")
    maitred("train", "--data", str(city), "--objective", run.objective, "--seed", str(run.seed),
            "--no-baselines", "--out", str(folder))  # fmt: skip
    return folder


def _say(what: str) -> None:
    sys.stderr.write(f"{what}\n")
