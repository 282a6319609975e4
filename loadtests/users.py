"""Ids of diners whom a model knows, read from whatever file names them."""

import csv
from pathlib import Path

import numpy as np
import orjson

from maitred.catalogue import texts
from maitred.errors import UsageError

__all__ = ["USERS_FILE", "read_users"]

USERS_FILE = Path(".maitred/load/users.txt")
"""Where known diners are looked for when no file is named; `make load` writes it."""


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
        raise UsageError(msg, next_step="write one id a line, or name a model's folder") from error
    return tuple(dict.fromkeys(users))
