"""Who asks, and for what: the scenarios, as seeded streams of queries.

A scenario is data for any generator: locust and the open loop send the same queries.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import orjson

from maitred.catalogue import texts
from maitred.client import Aim, Query
from maitred.errors import UsageError
from maitred.events import Traffic
from maitred.seeds import generator

__all__ = ["USERS_FILE", "Crowd", "browse", "read_users", "target"]

USERS_FILE = Path(".maitred/load/users.txt")
"""Where known diners are looked for when no file is named; `make load` writes it."""

_KNOWN, _ANONYMOUS = 0.8, 0.1
_FILTERED = 0.1
_SYNTHETIC = 1000


@dataclass(frozen=True, slots=True)
class Crowd:
    """The diners: some known, some new, some anonymous."""

    known: tuple[str, ...] = ()
    """Ids that the model has seen; empty: nobody is known, which loads only the cold path."""

    def draw(self, rng: np.random.Generator) -> str | None:
        """Return who asks next; None is an anonymous diner."""
        share = rng.random()
        if share < _KNOWN and self.known:
            return self.known[int(rng.integers(len(self.known)))]
        if share < _KNOWN + _ANONYMOUS:
            return None if self.known else f"load-{int(rng.integers(_SYNTHETIC))}"
        return f"load-{int(rng.integers(_SYNTHETIC))}"


def browse(crowd: Crowd, aim: Aim, *, explain: bool, seed: int) -> Iterator[Query]:
    """Yield queries without end: diners who look for a place, one in ten with a price limit."""
    rng = generator(seed, "browse", aim.name)
    plain = Query(objective=aim.objective, revenue_weight=aim.revenue_weight, explain=explain)
    for number in count():
        query = replace(plain, user_id=crowd.draw(rng), request_id=f"load-{seed}-{number}")
        if rng.random() < _FILTERED:
            query = replace(query, price_max=int(rng.integers(1, 4)))
        yield query


def target(query: Query) -> str:
    """Return the path and query string of a query; its traffic is always ``load``."""
    return "/v1/recommendations?" + urlencode(query.parameters(Traffic.LOAD))


def read_users(path: Path) -> tuple[str, ...]:
    """Read diners' ids: an id a line, ``user_id`` of a CSV or JSONL file, or a model's folder.

    Raises:
        UsageError: if there is nothing of the kind.
    """
    if path.is_dir() and (path / "diners_ids.npy").is_file():
        return tuple(
            texts.unpack(np.load(path / "diners_ids.npy"), np.load(path / "diners_id_offsets.npy"))
        )
    if not path.is_file():
        msg = f"no diners in {path}: it is neither a file of ids nor a model's folder"
        raise UsageError(msg, next_step="name one with --users-file")
    lines = path.read_text(encoding="utf-8").splitlines()
    try:
        match path.suffix:
            case ".csv":
                users = [row["user_id"] for row in csv.DictReader(lines)]
            case ".jsonl":
                users = [orjson.loads(line)["user_id"] for line in lines if line]
            case _:
                users = [line.strip() for line in lines if line.strip()]
    except (KeyError, TypeError, orjson.JSONDecodeError) as error:
        msg = f"{path} has no user_id in every row"
        raise UsageError(msg) from error
    return tuple(dict.fromkeys(users))
