"""Data and a stack with models in it, for a bench on a machine where nothing was ever made."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadtests.stack import Stack, running
from maitred.errors import Refused
from maitred.settings import child_environment

__all__ = ["dataset", "with_models"]

HOME = Path(".maitred/bench")
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
def with_models(state: Path) -> Iterator[Stack]:
    """Give a running stack that serves a clicks model; train and promote one if it has none."""
    with running(state) as stack:
        if stack.models.get("clicks"):
            yield stack
            return
    with running(HOME / "stack") as stack:
        if not stack.models.get("clicks"):
            run = HOME / "run"
            _maitred("train", "--data", str(dataset()), "--objective", "clicks", "--no-baselines",
                     "--out", str(run))  # fmt: skip
            version = _maitred("models", "publish", str(run), redis_url=stack.redis_url).split()[-1]
            _maitred("models", "promote", version, redis_url=stack.redis_url)
        yield stack


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
