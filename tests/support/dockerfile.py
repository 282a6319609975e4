"""The Dockerfile as its tests see it: stages, what they stand on, and what they say.

Reads the instructions that our own file uses; it is no general parser.
"""

import json
import re
import shlex
from dataclasses import dataclass
from functools import cache

from tests.support.repository import ROOT


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: its name, its parent's name or image, and its instructions in order."""

    name: str
    parent: str
    instructions: tuple[tuple[str, str], ...]

    def says(self, keyword: str) -> list[str]:
        return [argument for word, argument in self.instructions if word == keyword]


def logical_lines(text: str) -> list[str]:
    kept = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(kept))
    return [line.strip() for line in joined.splitlines() if line.strip()]


@cache
def stages() -> dict[str, Stage]:
    """Every stage by name, in the order of the file."""
    found: dict[str, Stage] = {}
    name, parent, instructions = "", "", []
    for line in logical_lines((ROOT / "Dockerfile").read_text(encoding="utf-8")):
        keyword, _, argument = line.partition(" ")
        if keyword == "FROM":
            parent, _, name = argument.partition(" AS ")
            instructions = []
        else:
            instructions.append((keyword, argument.strip()))
        if name:
            found[name] = Stage(name, parent, tuple(instructions))
    return found


def lineage(target: str) -> list[Stage]:
    """The stages that a target stands on, the oldest first, itself last."""
    stage = stages()[target]
    return [*(lineage(stage.parent) if stage.parent in stages() else []), stage]


def environment(target: str) -> dict[str, str]:
    """What ENV leaves in a container of the target."""
    lines = [line for stage in lineage(target) for line in stage.says("ENV")]
    return dict(pair.split("=", 1) for line in lines for pair in shlex.split(line))


def last(target: str, keyword: str) -> str | None:
    """The argument of the last such instruction, which is the one that holds."""
    said = [line for stage in lineage(target) for line in stage.says(keyword)]
    return said[-1] if said else None


def command(target: str) -> list[str]:
    """The command of the target, in its JSON form."""
    parts: list[str] = json.loads(last(target, "CMD") or "[]")
    return parts


def requirement_files(target: str) -> set[str]:
    """Names of the files in requirements/ whose pins end up in the target's environment."""
    sources = re.findall(r"--from=(\S+)", " ".join(stages()[target].says("COPY")))
    runs = " ".join(line for source in sources for line in stages()[source].says("RUN"))
    return set(re.findall(r"-r requirements/(\w+)\.txt", runs)) - {"bootstrap"}
