"""Pseudonyms for the diners of a data set, at the moment when it comes in; nothing later does this."""

import pandas as pd

from maitred.pseudonyms import Pseudonyms
from training.dataset.folder import Dataset, build

__all__ = ["under_pseudonyms"]


def under_pseudonyms(fresh: Dataset, pseudonyms: Pseudonyms) -> Dataset:
    """Return a data set that just came in, its diners by pseudonym; as it is where there is no key."""
    if pseudonyms.key is None:
        return fresh
    meta = fresh.meta
    return build(
        _named(fresh.events, pseudonyms),
        fresh.restaurants,
        None if fresh.users is None else _named(fresh.users, pseudonyms),
        source=meta.source,
        licence=meta.licence,
        part=meta.part,
        assumption=meta.assumption,
        pseudonym_key_fingerprint=pseudonyms.fingerprint,
    )


def _named(rows: pd.DataFrame, pseudonyms: Pseudonyms) -> pd.DataFrame:
    names = {user: pseudonyms(user) for user in rows["user_id"].unique().tolist()}
    return rows.assign(user_id=rows["user_id"].map(names).astype("str"))
