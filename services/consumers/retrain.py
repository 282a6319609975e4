"""When to train anew, and seeing to it: enough new events, or a model that has grown old.

Counts what the archive holds, by its ledger; training runs beside it and can fail or hang without
stopping anything. What was trained on is written down, so that a restart does not train again.
"""

import json
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from maitred import archive
from maitred.clock import Clock
from maitred.observability import Metrics
from services.consumers.steps import OBJECTIVES, Result

__all__ = ["Limits", "Mark", "Retrainer", "is_due"]

_LOG = logging.getLogger(__name__)
POLL_S = 1.0
STALLED_AFTER_S = 30.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What starts a retraining."""

    events: int
    """New clicks and choices."""
    age: timedelta
    """Time since the last one, if there is anything new."""
    traffic: frozenset[str]
    """Kinds of traffic that count."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The last retraining: how many events there were, when, and how it ended."""

    rows: int
    at: datetime
    results: dict[str, str]

    @classmethod
    def read(cls, file: Path) -> "Mark | None":
        """Return what was written, or None when nothing readable was."""
        try:
            found = json.loads(file.read_bytes())
            return cls(int(found["rows"]), datetime.fromisoformat(found["at"]), found["results"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def write(self, file: Path) -> None:
        """Replace the file whole."""
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        new.write_text(json.dumps(asdict(self) | {"at": self.at.isoformat()}), "utf-8")
        with new.open("rb") as handle:
            os.fsync(handle.fileno())
        new.rename(file)


def is_due(limits: Limits, mark: Mark, rows: int, now: datetime) -> bool:
    """Tell whether there is enough that is new, or anything new and the model is old."""
    new = rows - mark.rows
    return new >= limits.events or (new > 0 and now - mark.at >= limits.age)


class Retrainer:
    """Watches the archive and trains when it is due, one training at a time."""

    def __init__(
        self,
        folder: Path,
        mark_file: Path,
        limits: Limits,
        train: Callable[[datetime], dict[str, Result]],
        *,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._folder = folder
        self._mark_file = mark_file
        self._limits = limits
        self._train = train
        self._clock = clock
        self._metrics = metrics
        self._stop = threading.Event()
        self._training: threading.Thread | None = None
        self._turned_at = clock.monotonic()

    @property
    def stopping(self) -> threading.Event:
        """Set when it is to end; a training under way must heed it."""
        return self._stop

    def stop(self) -> None:
        """End :meth:`run` soon, and a training under way with it."""
        self._stop.set()

    def is_alive(self) -> bool:
        """Tell whether the loop has turned lately."""
        return self._clock.monotonic() - self._turned_at < STALLED_AFTER_S

    def run(self) -> None:
        """Watch until stopped."""
        while not self._stop.is_set():
            self._turned_at = self._clock.monotonic()
            try:
                self._look()
            except Exception:  # noqa: BLE001 - outermost loop
                self._metrics.unexpected.labels("consume-retrain").inc()
                _LOG.exception("a look at the archive failed")
            self._stop.wait(POLL_S)
        if self._training is not None:
            self._training.join()

    def _look(self) -> None:
        if self._training is not None and self._training.is_alive():
            return
        now = self._clock.now()
        mark = Mark.read(self._mark_file)
        if mark is None:
            mark = Mark(0, now, {})
            mark.write(self._mark_file)
        rows = archive.count(self._folder, traffic=self._limits.traffic, kinds={"click", "order"})
        if rows < mark.rows:  # diners were erased: what comes now is new all the same
            mark = replace(mark, rows=rows)
            mark.write(self._mark_file)
        if is_due(self._limits, mark, rows, now):
            _LOG.info("retraining: %d events, %d of them new", rows, rows - mark.rows)
            self._training = threading.Thread(
                target=self._train_and_mark, args=(rows, now), name="retraining", daemon=True
            )
            self._training.start()

    def _train_and_mark(self, rows: int, now: datetime) -> None:
        try:
            results = self._train(now)
        except Exception:  # noqa: BLE001 - outermost of its thread
            self._metrics.unexpected.labels("consume-retrain").inc()
            _LOG.exception("the retraining could not be run")
            results = dict.fromkeys(OBJECTIVES, "failed")
        if self._stop.is_set():
            return  # cut short: it is due again after the restart
        for objective, result in results.items():
            self._metrics.retrainings.labels(objective, result).inc()
        _LOG.info("retraining ended: %s", results)
        Mark(rows, now, dict(results)).write(self._mark_file)
