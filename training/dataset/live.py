"""Restaurants as a running service knows them now, as rows of a data set: new ones can be learned."""

from collections.abc import Mapping

import pandas as pd

from maitred.catalogue import Restaurant, decode_record, record_of
from maitred.errors import InvalidInput
from maitred.store.catalogue import CatalogueStore
from maitred.store.client import Redis
from training.dataset.folder import Dataset, build

__all__ = ["live_restaurants", "with_restaurants"]


def live_restaurants(redis: Redis) -> dict[str, Restaurant]:
    """Return every restaurant that was written and not taken away, by id; unreadable ones not.

    Raises:
        StoreUnavailable: if Redis does not answer.
    """
    found = {}
    for page in CatalogueStore(redis).everything():
        for name, raw in page.items():
            try:
                found[name] = decode_record(raw) if raw else None
            except InvalidInput:
                found[name] = None
    return {name: restaurant for name, restaurant in found.items() if restaurant is not None}


def with_restaurants(base: Dataset, known: Mapping[str, Restaurant]) -> Dataset:
    """Return the data set with these restaurants as they are here; equal ones change nothing.

    Restaurants that the data set alone knows stay: its events name them.
    """
    if not known:
        return base
    texts = dict(zip(base.restaurants["restaurant_id"], base.restaurants["text"], strict=True))
    rows = [
        record_of(restaurant) | {"name": restaurant.name or None, "text": texts.get(name)}
        for name, restaurant in sorted(known.items())
    ]
    newer = pd.DataFrame(rows, dtype=object).reindex(columns=base.restaurants.columns)
    older = base.restaurants[~base.restaurants["restaurant_id"].isin(set(known))].astype(object)
    extended = build(
        base.events,
        pd.concat([older, newer], ignore_index=True),
        base.users,
        source=base.meta.source,
        licence=base.meta.licence,
        part=base.meta.part,
        assumption=base.meta.assumption,
        pseudonym_key_fingerprint=base.meta.pseudonym_key_fingerprint,
    )
    return base if extended.meta.fingerprint == base.meta.fingerprint else extended
