"""Protocols: what a model may learn from, and the choices it is then judged by.

The same functions make the validation split inside a train part: split it again.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maitred.errors import InvalidDataset, UsageError
from training.dataset.folder import Dataset, build

__all__ = ["PROTOCOLS", "Protocol", "Split", "newest", "split"]

Protocol = Literal["last", "time", "none"]
PROTOCOLS: Final[tuple[str, ...]] = get_args(Protocol)

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Split:
    """A train part and the choices held out."""

    train: Dataset
    test: Dataset
    """Only the held-out choices, in canonical order; under ``last`` one for each diner in it."""
    protocol: str

    @property
    def is_new(self) -> Bools:
        """For each row of ``test.events``: had the diner never met the restaurant in train?"""
        known = pd.MultiIndex.from_frame(self.train.events[["user_id", "restaurant_id"]])
        asked = pd.MultiIndex.from_frame(self.test.events[["user_id", "restaurant_id"]])
        return ~asked.isin(known)


def split(
    dataset: Dataset, protocol: str, *, cut: datetime | None = None, share: float = 0.2
) -> Split:
    """Split by protocol.

    ``last``: of every diner with choices in at least two sessions, the choice of the last such
    session is held out; that session's browsing and all later sessions of that diner are dropped.
    A session is a ``request_id``, or the single event where there is none; sessions are in the
    order of their first event by time, then event id.

    ``time``: train is what came before ``cut`` (default: the moment that leaves the newest
    ``share`` of events), test the choices from then on.

    ``none``: everything is train.

    Raises:
        UsageError: if there is no such protocol, or ``share`` is not inside (0, 1).
        InvalidDataset: if the protocol would hold out no choice, or leave nothing to learn from.
    """
    if protocol not in PROTOCOLS:
        msg = f"there is no protocol '{protocol}'; there are {', '.join(PROTOCOLS)}"
        raise UsageError(msg)
    if protocol == "none":
        return Split(
            dataset, _part(dataset, np.zeros(len(dataset.events), bool), "test of none"), protocol
        )
    if protocol == "last":
        train, test = _last(dataset.events)
    else:
        train, test = _time(dataset.events, cut, share)
    if not test.any() or not train.any():
        side = "no choice to hold out" if not test.any() else "nothing to learn from"
        msg = f"protocol '{protocol}' finds {side} in {dataset.meta.counts.events} events"
        step = (
            "`last` needs diners with choices in two sessions; `time` needs choices after the cut"
        )
        raise InvalidDataset(msg, next_step=step)
    return Split(
        _part(dataset, train, f"train of {protocol}"),
        _part(dataset, test, f"test of {protocol}"),
        protocol,
    )


def _last(events: pd.DataFrame) -> tuple[Bools, Bools]:
    """Return which events are train, and which are the held-out choices."""
    user = pd.factorize(events["user_id"])[0]
    request = events["request_id"].where(
        events["request_id"].notna(), "\x00" + events["event_id"].astype("str")
    )
    session = pd.factorize(pd.MultiIndex.from_arrays([user, request]))[0]
    # Rows are in canonical order and factorize numbers by first appearance: a session's number is
    # its place among all sessions by (time, event id).
    chosen = (events["type"] == "order").to_numpy()
    n_users = int(user.max(initial=-1)) + 1
    per_user = (
        pd.DataFrame({"user": user[chosen], "session": session[chosen]})
        .drop_duplicates()
        .groupby("user")["session"]
        .agg(["count", "max"])
    )
    per_user = per_user[per_user["count"] > 1]
    held = np.full(n_users, np.iinfo(np.int64).max)
    held[per_user.index.to_numpy()] = per_user["max"].to_numpy()
    test = np.zeros(len(events), dtype=np.bool_)
    candidates = np.flatnonzero(chosen & (session == held[user]))
    last_of_user = pd.Series(candidates).groupby(user[candidates]).max()
    test[last_of_user.to_numpy()] = True
    return session < held[user], test


def newest(dataset: Dataset, *, cut: datetime | None = None, share: float = 0.2) -> pd.DataFrame:
    """Return every event that :func:`split` by ``time`` keeps from train, in canonical order.

    Raises:
        UsageError: as :func:`split`.
    """
    before = _before(dataset.events, cut, share)
    return dataset.events[~before]


def _time(events: pd.DataFrame, cut: datetime | None, share: float) -> tuple[Bools, Bools]:
    before = _before(events, cut, share)
    return before, ~before & (events["type"] == "order").to_numpy()


def _before(events: pd.DataFrame, cut: datetime | None, share: float) -> Bools:
    if not 0 < share < 1:
        msg = f"the share to hold out must be between 0 and 1, not {share}"
        raise UsageError(msg)
    if cut is not None and cut.tzinfo is None:
        msg = f"the cut {cut.isoformat()} needs an offset, such as +00:00"
        raise UsageError(msg)
    if events.empty:
        return np.zeros(0, dtype=np.bool_)
    moment = (
        events["occurred_at"].iloc[min(int(len(events) * (1 - share)), len(events) - 1)]
        if cut is None
        else pd.Timestamp(cut)
    )
    before: Bools = (events["occurred_at"] < moment).to_numpy()
    return before


def _part(dataset: Dataset, rows: Bools, part: str) -> Dataset:
    return build(
        dataset.events[rows],
        dataset.restaurants,
        dataset.users,
        source=dataset.meta.source,
        licence=dataset.meta.licence,
        part=part,
        assumption=dataset.meta.assumption,
        pseudonym_key_fingerprint=dataset.meta.pseudonym_key_fingerprint,
    )
