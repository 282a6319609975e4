"""docker-compose.yml as its tests see it, and the program of ours that each service runs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from maitred.settings import PREFIX, Settings
from services.local.programs import PROGRAMS, Program
from tests.support import dockerfile
from tests.support.repository import ROOT


@cache
def document() -> dict[str, Any]:
    """The whole file, anchors and merges resolved."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return loaded


@dataclass(frozen=True, slots=True)
class Ours:
    """A service that runs a program of ours."""

    name: str
    body: Mapping[str, Any]

    @property
    def target(self) -> str:
        target: str = self.body["build"]["target"]
        return target

    @property
    def environment(self) -> dict[str, str]:
        """What the container's program sees: the image's ENV under the service's own."""
        return dockerfile.environment(self.target) | dict(self.body["environment"])

    @property
    def settings(self) -> Settings:
        fields = {
            name.removeprefix(PREFIX).lower(): value
            for name, value in self.environment.items()
            if name.startswith(PREFIX)
        }
        return Settings.model_validate(fields)

    @property
    def health_url(self) -> str:
        return re.findall(r"http://[^']+", self.body["healthcheck"]["test"][-1])[0]


@cache
def ours() -> dict[str, Ours]:
    """Services built from our Dockerfile, by name."""
    bodies: dict[str, Any] = document()["services"]
    return {name: Ours(name, body) for name, body in bodies.items() if "build" in body}


def programs() -> list[tuple[Program, Ours]]:
    """Each program of the embedded stack with the service that runs it."""
    return [(program, ours()[program.name]) for program in PROGRAMS]
