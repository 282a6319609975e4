"""A constant stream of events from many diners, sent as good and bad clients do, and what came of it.

Events come alone and in company; some are sent twice, some calls are cut off before their answer and
sent again. What was promised (202) is written down: that list is what the archive is held against.
"""

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import httpx
import numpy as np

from maitred.clock import Clock
from maitred.seeds import generator

__all__ = ["DINERS", "Stream"]

DINERS: Final = 300
_CLIENTS: Final = 4
_MOST_TOGETHER: Final = 20
_CUT_OFF_S, _PATIENT_S = 0.004, 8.0
_AGAIN_S: Final = 0.1
_CUT_OFF, _REPEATED_CALL, _REPEATED_EVENT, _ALONE = 0.1, 0.1, 0.2, 0.3
_LOAD, _NO_CONSENT = 0.05, 0.02
"""Shares: of calls, of batches, and of events that change no diner's state."""
_LATE_S: Final = 3_600.0
"""Events happened up to this long ago, so that they do not come in the order they happened."""

Body = dict[str, Any]


@dataclass(slots=True)
class Stream:
    """Clients on threads; counters are only ever added to."""

    url: str
    restaurants: Sequence[str]
    seed: int
    per_s: float
    clock: Clock
    accepted: dict[str, str] = field(default_factory=dict)
    """Event id to diner, of every event that was answered ``accepted`` or ``duplicate``."""
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin."""
        self._threads = [
            threading.Thread(target=self._run, args=(number,), name=f"client-{number}")
            for number in range(_CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End; each client first gets an answer to what it sent last."""
        self._over.set()
        for thread in self._threads:
            thread.join(120)
            if thread.is_alive():
                self.problems.append(f"{thread.name} got no answer for two minutes")

    def _run(self, number: int) -> None:
        rng = generator(self.seed, "chaos", "client", number)
        made: list[Body] = []
        with httpx.Client(base_url=self.url, timeout=_PATIENT_S) as client:
            began, sent = self.clock.monotonic(), 0
            while not self._over.is_set():
                batch = self._batch(rng, number, made)
                self._send(client, batch, is_cut_off=bool(rng.random() < _CUT_OFF))
                if rng.random() < _REPEATED_CALL:
                    self.counts["calls repeated"] += 1
                    self._send(client, batch, is_cut_off=False)
                sent += len(batch)
                due_s = sent * _CLIENTS / self.per_s
                self._over.wait(max(0.0, due_s - (self.clock.monotonic() - began)))

    def _batch(self, rng: np.random.Generator, number: int, made: list[Body]) -> list[Body]:
        """Make the next events, and perhaps put one in that was sent before."""
        count = 1 if rng.random() < _ALONE else int(rng.integers(2, _MOST_TOGETHER + 1))
        batch = [self._event(rng, f"c{number}-{len(made) + n}") for n in range(count)]
        if made and rng.random() < _REPEATED_EVENT:
            self.counts["events repeated"] += 1
            batch.append(made[int(rng.integers(len(made)))])
        made += batch[:count]
        self.counts["events made"] += count
        return batch

    def _event(self, rng: np.random.Generator, event_id: str) -> Body:
        kind = str(rng.choice(["click", "order", "dismiss", "seen"], p=[0.7, 0.12, 0.1, 0.08]))
        ago = timedelta(seconds=float(rng.uniform(0, _LATE_S)))
        event: Body = {
            "type": kind,
            "event_id": event_id,
            "user_id": f"d{int(rng.integers(DINERS))}",
            "occurred_at": (self.clock.now() - ago).isoformat(),
            "traffic": "load" if rng.random() < _LOAD else "live",
            "consent": bool(rng.random() >= _NO_CONSENT),
        }
        if kind == "seen":
            return event | {"ranks": [1, 2, 3]}
        event["restaurant_id"] = str(rng.choice(self.restaurants))
        if kind == "order":
            event |= {"order_id": f"o-{event_id}", "basket_minor": 2_000, "currency": "EUR"}
        return event

    def _send(self, client: httpx.Client, batch: list[Body], *, is_cut_off: bool) -> None:
        """Send until there is an answer that ends it; the first time perhaps without waiting for one."""
        deadline = self.clock.monotonic() + 110
        timeout_s = _CUT_OFF_S if is_cut_off else _PATIENT_S
        while self.clock.monotonic() < deadline:
            try:
                reply = client.post("/v1/events", json={"events": batch}, timeout=timeout_s)
            except httpx.TransportError:
                self.counts["calls without an answer"] += 1
            else:
                self.counts[f"calls answered {reply.status_code}"] += 1
                if reply.status_code not in {429, 500, 503}:
                    self._note(reply, batch)
                    return
            timeout_s = _PATIENT_S
            self.clock.sleep(_AGAIN_S)
        self.problems.append(f"a call was not taken for {110} s: {batch[0]['event_id']} …")

    def _note(self, reply: httpx.Response, batch: list[Body]) -> None:
        if reply.status_code != httpx.codes.ACCEPTED:
            self.problems.append(f"answered {reply.status_code}: {reply.text[:200]}")
            return
        with self._lock:
            for event, result in zip(batch, reply.json()["results"], strict=True):
                self.counts[f"events {result['status']}"] += 1
                if result["status"] in {"accepted", "duplicate"}:
                    self.accepted[event["event_id"]] = event["user_id"]
                else:
                    self.problems.append(f"{event['event_id']} was {result}")
