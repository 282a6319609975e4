"""How long from an accepted event to changed scores, under a stream of other diners' events.

A probe is one diner: ask for a list, click its last place, and from the 202 on ask again until the
score of another restaurant is another. Time is the client's; it asks every few milliseconds, and
that is in the figure.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from loadtests import prepared
from loadtests.stack import Stack
from loadtests.tables import markdown_table
from loadtests.targets import Target
from maitred.client import Client, Query
from maitred.clock import SystemClock
from maitred.errors import MaitredError
from maitred.events import Click, Traffic
from maitred.ids import new_request_id

__all__ = ["RATES", "measure", "table", "targets"]

RATES: Final = (200, 400, 800, 1_600, 3_200)
"""Events a second offered to ingest, one after another until one does not hold."""
_PROBES: Final = 3
_ASK_EVERY_S: Final = 0.01
_LOST_S: Final = 5.0
_LIMIT_S: Final = 1.0
_BATCHES_PER_S: Final = 20
_CLOCK: Final = SystemClock()


@dataclass(slots=True)
class _Run:
    """One rate: what probes saw, and what was offered in time."""

    per_s: int
    waits_s: list[float] = field(default_factory=list)
    offered: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return the figures; it holds when p99 is in time and ingest kept up."""
        waits = np.array(self.waits_s or [float("inf")])
        reached = self.offered / max(self.seconds, 1e-9)
        p99_s = float(np.quantile(waits, 0.99))
        holds = p99_s <= _LIMIT_S and reached >= 0.95 * self.per_s and not self.problems
        return {
            "per_s": self.per_s,
            "reached_per_s": reached,
            "probes": len(self.waits_s),
            "p50_s": float(np.quantile(waits, 0.5)),
            "p99_s": p99_s,
            "problems": self.problems[:5],
            "holds": holds,
        }


def measure(seconds: float) -> dict[str, Any]:
    """Probe at each rate for so long, on the bench's own stack; return a summary a rate."""
    found = []
    with prepared.city_stack() as stack:
        users = prepared.known_diners(stack).read_text("utf-8").split()
        for per_s in RATES:
            found.append(_at(stack, users, per_s, seconds).summary())
            if not found[-1]["holds"]:
                break
    held = [summary["per_s"] for summary in found if summary["holds"]]
    return {"rates": found, "highest_that_holds": max(held, default=None)}


def targets(figures: Mapping[str, Any]) -> list[Target]:
    """Return what is promised of these."""
    first = figures["rates"][0]
    return [Target(f"from accepted to changed scores at {first['per_s']}/s, p99", first["p99_s"],
                   _LIMIT_S, " s")]  # fmt: skip


def table(figures: Mapping[str, Any]) -> str:
    """Return the figures in words."""
    head = ["events a second", "reached", "probes", "p50 s", "p99 s"]
    rows = [
        [f"{r['per_s']:,}", r["reached_per_s"], r["probes"], r["p50_s"], r["p99_s"]]
        for r in figures["rates"]
    ]
    held = figures["highest_that_holds"]
    note = (
        "From a click's 202 to a list with other scores of *other* restaurants, exploration off; the "
        f"highest rate tried at which p99 stays within {_LIMIT_S:g} s and ingest keeps up: "
        f"{f'{held:,}/s' if held else 'none'}."
    )
    return f"{markdown_table(head, rows)}\n\n{note}"


def _at(stack: Stack, users: Sequence[str], per_s: int, seconds: float) -> _Run:
    run, over = _Run(per_s), threading.Event()
    probed, others = users[: len(users) // 2], users[len(users) // 2 :]
    threads = [threading.Thread(target=_offer, args=(stack, others, run, over))] + [
        threading.Thread(target=_probe, args=(stack, probed[n::_PROBES], run, over))
        for n in range(_PROBES)
    ]
    for thread in threads:
        thread.start()
    _CLOCK.sleep(seconds)
    over.set()
    for thread in threads:
        thread.join(60)
    return run


def _offer(stack: Stack, users: Sequence[str], run: _Run, over: threading.Event) -> None:
    """Send clicks of other diners at the rate, in calls of a twentieth of a second's worth."""
    size = max(1, run.per_s // _BATCHES_PER_S)
    restaurants = [f"r{n:05}" for n in range(prepared.RESTAURANTS)]
    began = _CLOCK.monotonic()
    with _client(stack) as client:
        while not over.is_set():
            at = run.offered
            clicks = [
                _click(users[(at + n) % len(users)], restaurants[(at + n) * 7 % len(restaurants)])
                for n in range(size)
            ]
            try:
                client.send_events(clicks)
            except MaitredError as error:
                run.problems.append(str(error))
            else:
                run.offered += size
            run.seconds = _CLOCK.monotonic() - began
            over.wait(max(0.0, run.offered / run.per_s - run.seconds))
    run.seconds = _CLOCK.monotonic() - began


def _probe(stack: Stack, users: Sequence[str], run: _Run, over: threading.Event) -> None:
    with _client(stack) as client:
        for user in users:
            if over.is_set():
                return
            try:
                run.waits_s.append(_seconds_to_change(client, user))
            except MaitredError as error:
                run.problems.append(f"probe of {user}: {error}")


def _seconds_to_change(client: Client, user: str) -> float:
    query = Query(user_id=user, k=20, explore=False)
    before = client.recommend(query).recommendation
    clicked = before.items[-1].restaurant_id
    scores = {item.restaurant_id: item.score for item in before.items}
    client.send_events([_click(user, clicked)])
    accepted = _CLOCK.monotonic()
    while (waited_s := _CLOCK.monotonic() - accepted) < _LOST_S:
        after = client.recommend(query).recommendation
        others = [item for item in after.items if item.restaurant_id != clicked]
        if any(item.score != scores.get(item.restaurant_id, item.score) for item in others):
            return _CLOCK.monotonic() - accepted
        _CLOCK.sleep(_ASK_EVERY_S)
    return waited_s


def _client(stack: Stack) -> Client:
    ingest = stack.services["ingest"].url
    return Client(stack.inference_url, ingest, traffic=Traffic.SIMULATED, clock=_CLOCK)


def _click(user: str, restaurant: str) -> Click:
    return Click(
        event_id=new_request_id(),
        user_id=user,
        restaurant_id=restaurant,
        occurred_at=_CLOCK.now(),
        traffic=Traffic.SIMULATED,
    )
