"""Our own command line as a program, out of the environment that runs this."""

import subprocess
import sys
from pathlib import Path

from maitred.errors import Refused
from maitred.settings import child_environment

__all__ = ["MAITRED", "maitred", "run_maitred"]

MAITRED = str(Path(sys.executable).with_name("maitred"))


def run_maitred(*arguments: str, redis_url: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``maitred`` to its end, whatever that is."""
    return subprocess.run(  # noqa: S603  # our own program, no shell
        [MAITRED, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=child_environment(redis_url=redis_url),
    )


def maitred(*arguments: str, redis_url: str | None = None) -> str:
    """Run ``maitred``; return what it printed.

    Raises:
        Refused: if it fails, with its last words.
    """
    done = run_maitred(*arguments, redis_url=redis_url)
    if done.returncode != 0:
        command = " ".join(["maitred", *arguments])
        msg = f"{command} ended with {done.returncode}: {done.stderr.strip()[-400:]}"
        raise Refused(msg, next_step=f"run it by hand: {command}")
    return done.stdout
