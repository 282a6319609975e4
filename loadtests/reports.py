"""Reports in ``.maitred/reports``: JSON for programs, Markdown for people, SVG for both.

Every report says how it was made: command, commit, machine. Only ``results`` touches tracked files.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import orjson

from maitred.clock import Clock

__all__ = ["REPORTS", "footnote", "provenance", "write"]

REPORTS = Path(".maitred/reports")


def provenance(clock: Clock, command: str) -> dict[str, object]:
    """Return what somebody needs to judge a figure or to measure it again."""
    return {
        "schema": 1,
        "command": command,
        "commit": _commit(),
        "at": clock.now().isoformat(timespec="seconds"),
        "machine": {
            "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
            "processor": _processor(),
            "system": f"{platform.system()} {platform.release()}",
            "python": sys.version.split()[0],
        },
    }


def write(name: str, content: Mapping[str, object], markdown: str, svg: str | None) -> Path:
    """Write ``<name>.json``, ``.md`` and ``.svg``; return the JSON's path."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    path = REPORTS / f"{name}.json"
    path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY))
    path.with_suffix(".md").write_text(markdown, encoding="utf-8")
    if svg is not None:
        path.with_suffix(".svg").write_text(svg, encoding="utf-8")
    return path


def footnote(content: Mapping[str, object]) -> str:
    """Return the provenance as the last line of a Markdown report."""
    machine = content["machine"]
    cpus, processor = (
        (machine["cpus"], machine["processor"]) if isinstance(machine, Mapping) else ("?", "?")
    )
    commit = str(content["commit"])[:12]
    return f"`{content['command']}` at {commit}, {content['at']}, {cpus} CPUs ({processor})"


def _commit() -> str:
    answer = subprocess.run(
        ["git", "rev-parse", "HEAD"],  # noqa: S607  # whichever git is installed
        cwd=Path(__file__).parent,
        check=False,
        capture_output=True,
        text=True,
    )
    return answer.stdout.strip() or "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
