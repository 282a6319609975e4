"""Keeps a worker on the newest models: polls the pointer, loads off the loop, swaps between requests.

A model that cannot be loaded, or knows diners under another pseudonym key, is refused and counted,
and the old one stays.
"""

import asyncio
import gc
import logging
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from maitred.clock import Clock
from maitred.errors import CorruptArtifact, KeyMismatch, MaitredError, NotFound, StoreUnavailable
from maitred.observability import Metrics
from maitred.priority import run_behind
from maitred.pseudonyms import Pseudonyms
from maitred.store.loader import ModelLoader
from maitred.store.pointer import OBJECTIVES, Current
from services.inference.follow import Follow
from services.inference.snapshot import Served, Snapshots
from services.inference.warmup import warm

__all__ = ["Refusal", "Watch"]

POLL_S = 0.4
ANNOUNCE_S = 10.0
RETRY_S = 10.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A model that is not served although the pointer names it."""

    version: str
    reason: str
    at: datetime


@dataclass(slots=True)
class Watch:
    """One per worker."""

    loader: ModelLoader
    snapshots: Snapshots
    metrics: Metrics
    clock: Clock
    worker: str
    follow: Follow
    """Lays over a model what changed since it was made, and swaps it in."""
    pseudonyms: Pseudonyms = field(default_factory=Pseudonyms)
    """A model that knows diners under another key is refused: it would know nobody."""
    refusals: dict[str, Refusal] = field(default_factory=dict)
    is_ready: bool = False
    """True once the first look has ended, whatever it found."""
    _seen: Current | None = None
    _announced: float = float("-inf")
    _retry_at: float = float("-inf")

    async def start(self) -> None:
        """Look once: in Redis, or without it at what this machine remembers."""
        try:
            await self._look()
        except MaitredError as error:
            _log.warning("the first look for models failed: %s", error)
            await self._follow_memory()
        self.is_ready = True

    async def _follow_memory(self) -> None:
        pointer = await asyncio.to_thread(self.loader.remembered)
        try:
            await self._follow(pointer)
        except StoreUnavailable as error:
            _log.warning("what this machine remembers is not all there: %s", error)

    async def run(self) -> None:
        """Look for ever; cancel to end."""
        while True:
            await asyncio.sleep(POLL_S)
            try:
                await self._look()
            except StoreUnavailable:
                continue  # the models that are mapped go on
            except Exception:  # noqa: BLE001  # whatever it is, requests go on
                self.metrics.unexpected.labels("inference").inc()
                _log.exception("a look for models failed")

    async def _look(self) -> None:
        pointer = await asyncio.to_thread(self.loader.current)
        now = self.clock.monotonic()
        is_due = bool(self.refusals) and now >= self._retry_at
        if pointer != self._seen or is_due:
            self._retry_at = now + RETRY_S
            await self._follow(pointer)
            await asyncio.to_thread(self.loader.remember, pointer)
            self._seen = pointer
            self._announced = float("-inf")
        if now - self._announced >= ANNOUNCE_S:
            served = [version for version in self.snapshots.now.versions().values() if version]
            await asyncio.to_thread(self.loader.announce, served, self.worker)
            self._announced = now

    async def _follow(self, pointer: Current) -> None:
        """Serve what the pointer names, as far as it can be loaded."""
        for objective in OBJECTIVES:
            version = pointer.version(objective)
            if version is None or version == self.snapshots.now.versions()[objective]:
                continue
            try:
                served = await asyncio.to_thread(self._prepared, version)
            except (CorruptArtifact, KeyMismatch, NotFound) as error:
                self._refuse(objective, version, error)
                continue
            self.refusals.pop(objective, None)
            await self.follow.serve(served)
            self.metrics.swaps.labels(objective, "swapped").inc()
            _log.info("serving %s", version)

    def _prepared(self, version: str) -> Served:
        """Load a model, giving way to workers that serve already as long as this one does not."""
        prepare = partial(self._prepare, version)
        return prepare() if self.is_ready else run_behind(prepare)

    def _prepare(self, version: str) -> Served:
        """Load a model and walk it once, on another thread.

        The collector would stop the whole process to look at objects that live as long as the
        model does: it is told to leave them alone.
        """
        gc.disable()
        try:
            model = self.loader.load(version)
            self.pseudonyms.require(
                model.manifest.data.pseudonym_key_fingerprint, f"the model {version}"
            )
            served = Served.of(model)
            warm(served)
            gc.freeze()
        finally:
            gc.enable()
        return served

    def _refuse(self, objective: str, version: str, error: MaitredError) -> None:
        self.metrics.swaps.labels(objective, "refused").inc()
        self.refusals[objective] = Refusal(version, str(error), self.clock.now())
        _log.error("%s is refused, the old model stays: %s", version, error)
