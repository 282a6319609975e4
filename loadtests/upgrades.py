"""Faults that are no accidents: a model is swapped, the workers are replaced one after another."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from loadtests.faults import Wait, own_service
from loadtests.programs import maitred
from loadtests.stack import Stack
from maitred.clock import Clock
from maitred.errors import Refused
from maitred.settings import load
from maitred.store import models
from maitred.store.client import connect
from services.web.auth import admin_key

__all__ = ["Reload", "Swap"]

_TRAIN = "maitred train --data DATASET --objective clicks --seed 8"
_SEE_LOG = "see the log of inference, in the stack's folder under logs"
_SERVED_WITHIN_S = 15.0
_LOOK_S = 0.1
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Made once: to read all authorities again takes long, on a machine under load."""


@dataclass(slots=True)
class Swap:
    """Another model takes over, and the first one again: promote, then rollback, in turns."""

    stack: Stack
    clock: Clock
    run: Path | None = None
    """A run folder to publish when only one version of the objective is published."""
    objective: str = "clicks"
    lasts_s: float = 2.0
    kind: str = "swap"
    every_s: float | None = 10.0
    _original: str | None = None
    _other: str | None = None

    def ready(self) -> None:
        """Find two versions that can take turns; publish the run folder if there is only one.

        Raises:
            Refused: if there is only one, with the commands that make another.
        """
        self._original = self._models()["current"][self.objective]
        if self._original is None:
            msg = f"no {self.objective} model is served that another could take over from"
            raise Refused(msg, next_step="maitred models promote")
        self._other = self._candidate()
        if self._other is None and self.run is not None:
            self._publish(self.run)
            self._other = self._candidate()
        if self._other is None:
            msg = f"a swap needs a second published {self.objective} model whose gates pass"
            raise Refused(msg, next_step=f"{_TRAIN} --out RUN, then --second-run RUN")

    def has_one_catalogue(self) -> bool:
        """Whether both were made from the same data, so that one catalogue judges the replies."""
        with connect(self.stack.redis_url) as redis:
            made = {
                models.manifest(redis, str(v)).data.fingerprint
                for v in (self._original, self._other)
            }
        return len(made) == 1

    def strike(self, wait: Wait) -> str:
        """Let the other one take over; return once it serves."""
        known = self._models()
        now = known["current"][self.objective]
        wanted = self._other if now == self._original else self._original
        began = self.clock.monotonic()
        self._turn(known, str(wanted))
        while self._models()["serving"].get(self.objective) != wanted:
            took_s = self.clock.monotonic() - began
            if wait(_LOOK_S):
                return f"{now} → {wanted}, cut short"
            if took_s > _SERVED_WITHIN_S:
                msg = f"{wanted} was promoted and does not serve after {took_s:.0f} s"
                raise Refused(msg, next_step=_SEE_LOG)
        return f"{now} → {wanted}, {self.clock.monotonic() - began:.1f} s until it served"

    def undo(self) -> None:
        """Serve what was served before the load; the other one becomes the rollback target."""
        if self._original is None:
            return
        known = self._models()
        if known["current"][self.objective] != self._original:
            self._turn(known, self._original)

    def _turn(self, known: Mapping[str, Any], wanted: str) -> None:
        if known["current"]["previous"][self.objective] == wanted:
            self._post(f"/v1/models/rollback?objective={self.objective}")
        else:
            self._post(f"/v1/models/{wanted}/promote")

    def _candidate(self) -> str | None:
        """Return the rollback target, or a version whose gates passed against what is served."""
        known = self._models()
        published = {entry["version"]: entry["gates"] or {} for entry in known["versions"]}
        previous = known["current"]["previous"][self.objective]
        if previous in published and previous != self._original:
            return str(previous)
        for version, gates in published.items():
            is_other = version.startswith(f"{self.objective}-") and version != self._original
            if is_other and gates.get("passed") and gates.get("champion") == self._original:
                return str(version)
        return None

    def _publish(self, run: Path) -> None:
        maitred("models", "publish", str(run), redis_url=self.stack.redis_url)

    def _models(self) -> dict[str, Any]:
        return self._ask("GET", "/v1/models")

    def _post(self, path: str) -> None:
        self._ask("POST", path)

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        settings = load().model_copy(update={"state_dir": self.stack.state_dir})
        url = f"{self.stack.inference_url}{path}"
        bearer = {"authorization": f"Bearer {admin_key(settings)}"}
        try:
            answer = httpx.request(
                method, url, headers=bearer, trust_env=False, timeout=10.0, verify=_NO_TLS
            )
        except httpx.HTTPError as error:
            msg = f"{path} did not answer: {error}"
            raise Refused(msg, next_step=_SEE_LOG) from error
        if not answer.is_success:
            msg = f"{path} answered {answer.status_code}: {answer.text[:300]}"
            raise Refused(msg, next_step=_SEE_LOG)
        return dict(answer.json())


@dataclass(slots=True)
class Reload:
    """The inference workers are replaced one after another, as after an upgrade."""

    stack: Stack
    lasts_s: float = 10.0
    kind: str = "reload"
    every_s: float | None = None

    def ready(self) -> None:
        """Check that the stack runs an inference of its own."""
        own_service(self.stack, "inference")

    def strike(self, wait: Wait) -> str:  # noqa: ARG002 - half of a restart would be another fault
        """Replace them and wait until the new ones serve."""
        maitred("reload", "--state", str(self.stack.state_dir))
        return "all workers replaced"

    def undo(self) -> None:
        """Nothing is to be undone: new workers are as good as the old ones."""
