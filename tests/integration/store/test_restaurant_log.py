"""Restaurants in Redis: records, the log of their changes, and who may write what."""

import pytest

from maitred.catalogue import Restaurant, decode_record
from maitred.errors import NotFound, PreconditionFailed
from maitred.store import keys
from maitred.store.catalogue import NOWHERE, PIECE, CatalogueStore, Change, Position, tag_of
from maitred.store.client import connect
from tests.support.servers import LiveValkey


def change(restaurant_id: str, **known: object) -> Change:
    return Change(restaurant_id, Restaurant(restaurant_id, **known))  # type: ignore[arg-type]


def test_every_piece_is_one_entry_that_carries_its_records(valkey: LiveValkey) -> None:
    with connect(valkey.url) as redis:
        store = CatalogueStore(redis)
        assert store.position() == NOWHERE

        position, existed = store.write([change(f"r{i}") for i in range(PIECE + 1)])
        later, again = store.write([change("r0", name="new"), Change("r1", None)])

        assert (position.number, existed) == (2, [False] * (PIECE + 1))
        assert (later, again) == (Position(position.epoch, 3), [True, True])
        entries = store.since(NOWHERE, 10)
        assert entries is not None
        assert [(number, len(records)) for number, records in entries] == [(1, 64), (2, 1), (3, 2)]
        assert decode_record(entries[2][1]["r0"]).name == "new"
        assert entries[2][1]["r1"] == b""
        whole = {name: raw for page in store.everything() for name, raw in page.items()}
        assert len(whole) == PIECE + 1
        assert whole["r1"] == b""


def test_a_log_that_does_not_reach_back_says_so(valkey: LiveValkey) -> None:
    with connect(valkey.url) as redis:
        store = CatalogueStore(redis)
        for i in range(3):
            position, _ = store.write([change(f"r{i}")])
        redis.xtrim(keys.CATALOGUE_LOG, maxlen=1, approximate=False)

        assert store.since(Position(position.epoch, 1), 10) is None
        assert [number for number, _ in store.since(Position(position.epoch, 2), 10) or []] == [3]
        assert store.since(position, 10) == []


def test_a_refused_piece_writes_nothing(valkey: LiveValkey) -> None:
    known = Restaurant("modelled", name="as the model knows it")
    with connect(valkey.url) as redis:
        store = CatalogueStore(redis)
        with pytest.raises(PreconditionFailed):
            store.write([change("a"), Change("b", Restaurant("b"), expected="0" * 40)])
        with pytest.raises(NotFound):
            store.write([Change.removal("nowhere", None)])
        assert store.position() == NOWHERE
        assert not redis.exists(keys.CATALOGUE_RECORDS)

        store.write([Change("modelled", Restaurant("modelled"), known, tag_of(known))])
        with pytest.raises(PreconditionFailed):
            store.write([Change.removal("modelled", known, tag_of(known))])
        _, existed = store.write([Change.removal("modelled", known)])
        assert existed == [True]
        with pytest.raises(NotFound):
            store.write([Change.removal("modelled", known)])
