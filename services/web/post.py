"""A place in a program that one process has to fill at any time, and how its holders change."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from maitred.clock import Clock
from services.web.child import Child, Recipe
from services.web.restarts import Restarts

__all__ = ["Post"]

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Post:
    """Holder, successor and those who are leaving.

    Call :meth:`look` often: nothing happens between two looks. ``spawn`` starts a process,
    ``on_end`` is told the pid of each that ended.
    """

    recipe: Recipe
    clock: Clock
    spawn: Callable[[Recipe], Child]
    on_end: Callable[[int], None]
    holder: Child | None = None
    successor: Child | None = None
    leaving: list[Child] = field(default_factory=list)
    failure: str | None = None
    """Why a process never became ready; None until that happens, and again when a change begins."""
    _restarts: Restarts = field(default_factory=Restarts)
    _due_at: float = float("-inf")

    @property
    def is_ready(self) -> bool:
        """Whether the holder does its work."""
        return self.holder is not None and self.holder.is_ready

    @property
    def is_settled(self) -> bool:
        """Whether the holder does its work and nobody comes or goes."""
        return self.is_ready and self.successor is None and not self.leaving

    def everybody(self) -> Iterator[Child]:
        """Yield every process of this post."""
        yield from (child for child in (self.holder, self.successor) if child is not None)
        yield from self.leaving

    def relieve(self) -> None:
        """Start a successor; the holder is asked to end once that one is ready, and not before."""
        self.failure = None
        self.successor = self._start()

    def look(self) -> None:
        """See what happened since the last look, and do what follows from it."""
        now = self.clock.monotonic()
        for child in self.everybody():
            child.look(now)
        self._see_off()
        if self.holder is not None and self.holder.has_ended():
            self._replace_holder(self.holder, now)
        if self.successor is not None:
            self._look_at(self.successor, now)
        if self.holder is None and self.successor is None and now >= self._due_at:
            self.holder = self._start()

    def vacate(self, *, within_s: float | None = None) -> None:
        """Ask everybody to end; nobody follows. Look with :meth:`is_empty` from then on."""
        for child in self.everybody():
            child.dismiss(self.clock.monotonic(), within_s=within_s)
        self.leaving = list(self.everybody())
        self.holder = self.successor = None

    def is_empty(self) -> bool:
        """Tell whether everybody has gone; those whose time is over are killed."""
        for child in self.leaving:
            child.look(self.clock.monotonic())
        self._see_off()
        return not self.leaving

    def _start(self) -> Child | None:
        try:
            return self.spawn(self.recipe)
        except OSError as error:
            self._note_failure(str(error), self.clock.monotonic(), lived_s=0.0)
            return None

    def _replace_holder(self, ended: Child, now: float) -> None:
        """Let the successor take over if there is one, ready or not; else plan the next start."""
        self._part_with(ended)
        self.holder, self.successor = self.successor, None
        if ended.is_ready:
            _log.warning("%s (pid %d) ended: %s", self.recipe.name, ended.pid, ended.reason)
            delay_s = self._restarts.delay_s(now - ended.started_at)
            self._due_at = now + delay_s
        else:
            self._note_failure(ended.reason, now, lived_s=now - ended.started_at)

    def _look_at(self, successor: Child, now: float) -> None:
        if successor.has_ended():
            self._part_with(successor)
            self.successor = None
            self._note_failure(successor.reason, now, lived_s=now - successor.started_at)
        elif successor.is_ready:
            if self.holder is not None:
                self.holder.dismiss(now)
                self.leaving.append(self.holder)
            self.holder, self.successor = successor, None

    def _see_off(self) -> None:
        for child in [child for child in self.leaving if child.has_ended()]:
            self.leaving.remove(child)
            self._part_with(child)

    def _part_with(self, child: Child) -> None:
        child.close()
        self.on_end(child.pid)

    def _note_failure(self, reason: str, now: float, *, lived_s: float) -> None:
        self.failure = reason
        self._due_at = now + self._restarts.delay_s(lived_s)
        _log.error("%s could not start: %s", self.recipe.name, reason)
