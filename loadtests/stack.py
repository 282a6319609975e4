"""The stack under load: the one that runs, or one started for this run and stopped after it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from loadtests.programs import maitred, run_maitred
from maitred.errors import Refused

__all__ = ["DEMO_STATE", "Service", "Stack", "likely_state", "running", "status"]

DEMO_STATE = Path(".maitred/demo/stack")
"""What the demo leaves behind: a stopped stack with models and diners in it."""


@dataclass(frozen=True, slots=True)
class Service:
    """One program of a stack, as status names it."""

    url: str | None
    pids: tuple[int, ...]
    healthy: bool
    external: bool
    """Run by somebody else: no fault is ever made there."""


@dataclass(frozen=True, slots=True)
class Stack:
    """What a load test needs to know of a running stack."""

    state_dir: Path
    inference_url: str
    redis_url: str
    inference_pids: tuple[int, ...]
    models: dict[str, str | None]
    services: Mapping[str, Service] = field(default_factory=dict)

    def model_folder(self, objective: str) -> Path | None:
        """Return the folder of the served model on this machine, if it is there."""
        version = self.models.get(objective)
        folder = self.state_dir / "models" / str(version)
        return folder if version and (folder / "manifest.json").is_file() else None

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> "Stack":
        """Read the answer of ``maitred status --json``."""
        services = answer["services"]
        models = answer.get("models")
        if not isinstance(services, dict) or "inference" not in services:
            msg = f"the stack at {answer.get('state_dir')} runs no inference service"
            raise Refused(msg, next_step="maitred status")
        return cls(
            Path(str(answer["state_dir"])),
            str(services["inference"]["url"]),
            str(services.get("valkey", {}).get("url", "")),
            tuple(services["inference"]["pids"]),
            dict(models) if isinstance(models, dict) else {},
            {name: _service(entry) for name, entry in services.items()},
        )


def _service(entry: Mapping[str, Any]) -> Service:
    return Service(entry["url"], tuple(entry["pids"]), entry["healthy"], entry["external"])


def status(state: Path) -> dict[str, object]:
    """Return what ``maitred status --json`` says; ``state`` is running, degraded or stopped."""
    answer = run_maitred("status", "--json", "--state", str(state))
    try:
        content = orjson.loads(answer.stdout)
    except orjson.JSONDecodeError as error:
        msg = f"maitred status said no JSON: {answer.stderr.strip()[-300:]}"
        raise Refused(msg, next_step="run it by hand: maitred status") from error
    return dict(content)


def likely_state(state: Path) -> Path | None:
    """Return ``state`` if it runs or ever served a model, else the demo's stack, if there is one."""
    has_served = any(state.glob("models/*/manifest.json"))
    if has_served or status(state)["state"] != "stopped":
        return state
    return DEMO_STATE if DEMO_STATE.is_dir() else None


@contextmanager
def running(state: Path) -> Iterator[Stack]:
    """Give the stack of ``state``; start it when it does not run, and stop it again then.

    Raises:
        Refused: if it does not come up.
    """
    answer = status(state)
    if answer["state"] != "stopped":
        yield Stack.of(answer)
        return
    maitred("up", "--detach", "--state", str(state))
    try:
        yield Stack.of(status(state))
    finally:
        run_maitred("down", "--state", str(state))
