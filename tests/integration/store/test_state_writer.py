"""Diner states as they are written: with the offsets they have taken in, and only onto what is there."""

from collections.abc import Iterator
from datetime import timedelta
from typing import NoReturn

import pytest

from maitred.errors import StoreChanged, StoreUnavailable
from maitred.events import Click, Erase, Event
from maitred.features import News
from maitred.ids import BUCKETS, bucket, tombstone
from maitred.store import keys
from maitred.store.client import Redis, connect
from maitred.store.state import Spaces, StateStore
from maitred.store.writer import StateWriter
from tests.support.diners import START
from tests.support.servers import LiveValkey

KEY = "of erasures"


@pytest.fixture
def redis(valkey: LiveValkey) -> Iterator[Redis]:
    with connect(valkey.url) as client:
        yield client


@pytest.fixture
def writer(redis: Redis) -> StateWriter:
    made = StateWriter(redis, "t", KEY)
    made.resume()
    return made


def clicked(user: str, event_id: str, minute: int = 0) -> Click:
    at = START + timedelta(minutes=minute)
    return Click(event_id=event_id, user_id=user, occurred_at=at, restaurant_id="r1")


def erase(user: str, minute: int) -> Erase:
    return Erase(event_id=f"x{minute}", user_id=user, occurred_at=START + timedelta(minutes=minute))


def told(*events: Event) -> dict[str, News]:
    news: dict[str, News] = {}
    for event in events:
        news.setdefault(event.user_id, News()).take(event)
    return news


def known(redis: Redis, user: str) -> list[str]:
    return [i.event_id for i in StateStore(redis).load([user])[user].recent]


def resumed(redis: Redis) -> dict[int, int]:
    return dict(StateWriter(redis, "t", KEY).resume())


def test_what_is_read_next_is_where_the_bucket_farthest_behind_stands(
    redis: Redis, writer: StateWriter
) -> None:
    assert resumed(redis) == {}

    writer.write(told(clicked("u1", "a")), {0: 10, 1: 7})
    assert resumed(redis) == {}  # all other buckets know nothing yet

    writer.keep_up()
    writer.write(told(clicked("u1", "b")), {0: 12, 1: 7})
    assert resumed(redis) == {0: 10, 1: 7}

    writer.keep_up()
    assert resumed(redis) == {0: 12, 1: 7}


def test_offsets_of_another_topic_are_none(redis: Redis, writer: StateWriter) -> None:
    writer.write({}, {0: 10})
    writer.keep_up()

    assert dict(StateWriter(redis, "another", KEY).resume()) == {}


def test_one_bucket_that_was_lost_is_read_for_from_the_beginning(
    redis: Redis, writer: StateWriter
) -> None:
    writer.write({}, {0: 10})
    writer.keep_up()
    redis.delete(keys.mark(17, 0))

    assert resumed(redis) == {}
    with pytest.raises(StoreChanged, match="emptied or restored"):
        writer.keep_up()


def test_a_redis_that_was_emptied_takes_no_more_until_it_was_asked(
    redis: Redis, writer: StateWriter
) -> None:
    writer.write(told(clicked("u1", "a")), {0: 10})
    redis.flushall()

    with pytest.raises(StoreChanged, match="emptied or restored"):
        writer.write(told(clicked("u1", "b")), {0: 11})
    assert known(redis, "u1") == []

    assert dict(writer.resume()) == {}
    writer.write(told(clicked("u1", "a"), clicked("u1", "b")), {0: 11})
    assert known(redis, "u1") == ["a", "b"]


def test_a_bucket_that_went_back_in_time_takes_no_more(redis: Redis, writer: StateWriter) -> None:
    writer.write(told(clicked("u1", "a")), {0: 10})
    user, mark = keys.state("u1"), keys.mark(bucket("u1"), 0)
    before = [redis.dump(user), redis.dump(mark)]
    writer.write(told(clicked("u1", "b")), {0: 11})
    for name, raw in zip((user, mark), before, strict=True):
        redis.restore(name, 0, raw, replace=True)

    with pytest.raises(StoreChanged):
        writer.write(told(clicked("u1", "c")), {0: 12})
    assert known(redis, "u1") == ["a"]


def test_what_changes_between_read_and_write_is_left_alone(valkey: LiveValkey) -> None:
    """The script looks too: Redis may be emptied after the read, before the write."""

    class Emptied(StateWriter):
        def _send(self, calls, mark) -> None:  # noqa: ANN001
            self._redis.flushall()
            super()._send(calls, mark)

    with connect(valkey.url) as redis:
        writer = StateWriter(redis, "t", KEY)
        writer.resume()
        writer.write(told(clicked("u1", "a")), {0: 10})
        unlucky = Emptied(redis, "t", KEY)
        unlucky.resume()

        with pytest.raises(StoreChanged):
            unlucky.write(told(clicked("u1", "b")), {0: 11})
        assert redis.dbsize() == 0


def test_what_was_not_taken_in_does_not_count_as_reached(redis: Redis) -> None:
    class Deaf(StateWriter):
        def _read(self, *_: object, **__: object) -> NoReturn:
            msg = "the connection is gone"
            raise StoreUnavailable(msg)

    writer = Deaf(redis, "t", KEY)
    writer.resume()
    writer.write({}, {0: 10})
    with pytest.raises(StoreUnavailable):
        writer.write(told(clicked("u1", "a")), {0: 11})

    writer.keep_up()  # as a consumer does that is told to stop

    assert resumed(redis) == {0: 10}


def test_scripts_that_were_forgotten_are_loaded_again(redis: Redis, writer: StateWriter) -> None:
    redis.script_flush()

    writer.write(told(clicked("u1", "a")), {0: 10})

    assert known(redis, "u1") == ["a"]


def test_looking_after_an_idle_redis_writes_nothing(redis: Redis, writer: StateWriter) -> None:
    writer.write({}, {0: 10})
    writer.keep_up()
    before = redis.info("persistence")["rdb_changes_since_last_save"]

    writer.keep_up()

    assert redis.info("persistence")["rdb_changes_since_last_save"] == before


def test_every_script_keeps_to_one_slot_of_a_cluster(cluster_valkey: LiveValkey) -> None:
    users = [f"u{n}" for n in range(40)]
    with connect(cluster_valkey.url) as redis:
        redis.sadd(keys.VERSIONS, "v1")
        redis.set(keys.row("v1", "u7"), b"row")
        writer = StateWriter(redis, "t", KEY)
        writer.resume()

        writer.write(told(*(clicked(user, "a") for user in users)), {0: 40})
        writer.write(told(erase("u7", 5)), {0: 41})
        writer.keep_up()

        assert [user for user in users if not known(redis, user)] == ["u7"]
        assert redis.exists(keys.row("v1", "u7")) == 0
        assert resumed(redis) == {0: 41}


def test_of_an_erased_diner_nothing_stays_but_a_tombstone(
    redis: Redis, writer: StateWriter
) -> None:
    for version in ("v1", "v2"):
        redis.sadd(keys.VERSIONS, version)
        for user in ("u1", "u2"):
            redis.set(keys.row(version, user), b"row")
    writer.write(told(clicked("u1", "a"), clicked("u2", "b")), {0: 2})

    writer.write(told(erase("u1", 5)), {0: 3})
    writer.write(told(clicked("u1", "late", 5), clicked("u1", "back", 6)), {0: 5})

    assert known(redis, "u1") == ["back"]
    assert known(redis, "u2") == ["b"]
    assert [redis.exists(keys.row(v, u)) for v in ("v1", "v2") for u in ("u1", "u2")] == [0, 1] * 2
    grave = redis.hgetall(keys.erased(tombstone("u1", KEY)[:2]))
    assert list(grave) == [tombstone("u1", KEY).encode()]
    assert float(next(iter(grave.values()))) == (START + timedelta(minutes=5)).timestamp()


def test_of_two_erasures_the_later_one_counts(redis: Redis, writer: StateWriter) -> None:
    writer.write(told(erase("u1", 20)), {0: 1})
    writer.write(told(erase("u1", 10)), {0: 2})

    writer.write(told(clicked("u1", "between", 15), clicked("u1", "after", 21)), {0: 3})

    assert known(redis, "u1") == ["after"]


def test_erasures_hold_in_every_space_and_after_a_restart(
    redis: Redis, writer: StateWriter
) -> None:
    writer.write(told(erase("u1", 5)), {0: 1})
    space = Spaces(redis).open()
    other = StateWriter(redis, "t", KEY, space=space)
    other.resume()

    other.write(told(clicked("u1", "old", 4), clicked("u1", "new", 6)), {0: 2})
    Spaces(redis).switch(0, space)

    assert known(redis, "u1") == ["new"]


def test_a_writer_of_what_is_served_notices_that_another_space_is(
    redis: Redis, writer: StateWriter
) -> None:
    writer.write(told(clicked("u1", "a")), {0: 10})
    space = Spaces(redis).open()
    other = StateWriter(redis, "t", KEY, space=space)
    other.resume()
    other.write(told(clicked("u1", "a"), clicked("u1", "b")), {0: 8})
    other.keep_up()

    Spaces(redis).switch(0, space)

    with pytest.raises(StoreChanged, match=f"space {space} .* is served now, not 0"):
        writer.write(told(clicked("u1", "c")), {0: 11})
    with pytest.raises(StoreChanged):
        writer.keep_up()
    assert dict(writer.resume()) == {0: 8}
    writer.write(told(clicked("u1", "c")), {0: 11})
    assert known(redis, "u1") == ["a", "b", "c"]


def test_spaces_that_are_not_served_are_removed_whole(redis: Redis, writer: StateWriter) -> None:
    spaces = Spaces(redis)
    writer.write(told(*(clicked(f"u{n}", "a") for n in range(50))), {0: 10})
    writer.keep_up()
    served = spaces.open()
    other = StateWriter(redis, "t", KEY, space=served)
    other.resume()
    other.write(told(clicked("u1", "a")), {0: 10})
    left_by_a_dead_replay = spaces.open()
    dead = StateWriter(redis, "t", KEY, space=left_by_a_dead_replay)
    dead.resume()
    dead.write(told(clicked("u1", "x")), {})

    spaces.switch(0, served)
    removed = spaces.sweep()

    assert removed == 50 + BUCKETS + 1 + 1
    left = {name.decode() for name in redis.scan_iter()} - {keys.SPACE, keys.NEWEST_SPACE}
    assert left == {keys.SPACES, keys.state("u1", served), keys.mark(bucket("u1"), served)}
    assert spaces.open() == left_by_a_dead_replay + 1


def test_an_unreadable_state_is_replaced(redis: Redis, writer: StateWriter) -> None:
    redis.set(keys.state("u1"), b'{"v":1,"recent":[["junk"]]}')

    writer.write(told(clicked("u1", "a")), {0: 1})

    assert known(redis, "u1") == ["a"]
    assert redis.ttl(keys.state("u1")) == keys.STATE_TTL_S


def test_how_many_diners_there_are_more_is_counted(redis: Redis, writer: StateWriter) -> None:
    del redis

    assert writer.write(told(clicked("u1", "a"), clicked("u2", "b")), {0: 2}) == 2
    assert writer.write(told(clicked("u1", "c")), {0: 3}) == 0
    assert writer.write(told(erase("u1", 30), clicked("u3", "d")), {0: 5}) == 0
