"""Diner states made anew: as they were, in a space of their own, whatever happens meanwhile."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from maitred.clock import ManualClock, SystemClock
from maitred.errors import LogUnavailable, Refused, StoreChanged
from maitred.events import Erase, Event, encode
from maitred.ids import tombstone
from maitred.store import keys
from maitred.store.client import Redis, connect
from maitred.store.state import Spaces
from maitred.store.traces import Traces
from maitred.store.writer import StateWriter
from services.consumers.features import FeaturesConsumer
from services.consumers.replay import Replay, Source
from services.eventlog.memory import MemoryBroker, MemoryLogReader
from tests.support.archives import KEY, archive_of, writing
from tests.support.diners import START, recomputed
from tests.support.histories import click, history, served
from tests.support.servers import LiveValkey


@dataclass
class Place:
    """A served space that a consumer has filled, and what a replay works with."""

    redis: Redis
    broker: MemoryBroker
    folder: Path
    log: list[Event]

    def put(self, *events: Event) -> None:
        for event in events:
            self.broker.put("t", event.user_id, encode(event), ())
        self.log += events

    def consume(self) -> None:
        """Bring what is served up to the log's end, as a consumer that starts does."""
        clock = ManualClock()
        consumer = FeaturesConsumer(
            StateWriter(self.redis, "t", KEY), Traces(self.redis, clock=clock), clock=clock
        )
        reader = MemoryLogReader(self.broker, "t", "features")
        reader.rewind()
        reader.seek(consumer.resume_at())
        consumer.take(reader.poll(0))
        consumer.finish()

    def replay(self) -> Replay:
        return Replay(
            Spaces(self.redis),
            lambda space: StateWriter(self.redis, "t", KEY, space=space),
            MemoryLogReader(self.broker, "t", "replay"),
            self.folder,
            "t",
            SystemClock(),
            grace_s=0.0,
            patience_s=0.5,
        )

    def keys_of_spaces(self) -> set[str]:
        names = [name.decode() for name in self.redis.scan_iter(match="{b*}:*", count=1000)]
        return {name.split(":")[2] for name in names if name.split(":")[1] in {"state", "mark"}}


@pytest.fixture
def place(valkey: LiveValkey, tmp_path: Path) -> Iterator[Place]:
    with connect(valkey.url) as redis:
        made = Place(redis, MemoryBroker(partitions=3), tmp_path / "archive", [])
        made.put(*history(0, 120))
        made.consume()
        yield made


def nothing(_name: str, _total: int, _read: int) -> None:
    """Tell nobody."""


ALL, LOG = Source(), Source(has_archive=False)


def test_what_the_log_holds_gives_the_same_states_in_another_space(place: Place) -> None:
    before = served(place.redis, place.log)

    done = place.replay().run(LOG, nothing)

    assert before == served(place.redis, place.log) == recomputed(place.log)
    assert place.keys_of_spaces() == {str(done.space)} == {"1"}
    assert done.diners == len(before)
    assert done.from_archive == 0


def test_what_was_lost_is_made_again_and_a_consumer_goes_on_from_there(place: Place) -> None:
    place.redis.flushall()
    place.replay().run(LOG, nothing)
    assert served(place.redis, place.log) == recomputed(place.log)

    place.put(*history(120, 60))
    place.consume()

    assert served(place.redis, place.log) == recomputed(place.log)


def test_only_what_occurred_since_a_time_is_taken_if_one_is_named(place: Place) -> None:
    since = START + timedelta(minutes=80)

    place.replay().run(Source.named(since.isoformat()), nothing)

    kept = [e for e in place.log if e.occurred_at >= since or isinstance(e, Erase)]
    assert served(place.redis, place.log) == recomputed(kept)


def test_the_archive_comes_first_and_the_log_from_where_it_was_archived(place: Place) -> None:
    old = [click(n).model_copy(update={"event_id": f"old{n}"}) for n in range(20)]
    wire = [event.model_dump(mode="json") for event in old]
    quiet = {"consent": False, "event_id": "quiet", "restaurant_id": "r-quiet"}
    load = {"traffic": "load", "event_id": "load", "restaurant_id": "r-load"}
    archive_of(place.folder, *wire, wire[0] | quiet, wire[0] | load)  # beyond what the log keeps
    told: list[tuple[str, int, int]] = []

    done = place.replay().run(ALL, lambda *three: told.append(three))

    rest = [r.value for r in place.broker.records("t") if r.partition or r.offset >= 22]
    log = [event for event in place.log if encode(event) in rest]
    erased = [event for event in place.log if isinstance(event, Erase)]
    late_enough = [*erased, *old, *log]  # tombstones in Redis hold for the archive, too
    assert served(place.redis, place.log) == recomputed(late_enough)
    assert done.from_archive == 20
    assert told[0] == ("archive", 21, 21)
    assert told[-1][0] == "log"
    assert told[-1][1] == told[-1][2] == len(rest)


def test_who_was_erased_stays_so_even_if_redis_has_forgotten_who_that_was(place: Place) -> None:
    """The erasure is in neither file nor log any more: the archive's tombstones alone know."""
    old = click(7).model_dump(mode="json")
    late = [click(7 + 23 * n, minute=20) for n in range(50, 54)]  # repetitions, after all
    erase = {"type": "erase", "event_id": "x", "user_id": old["user_id"]}
    at = {"occurred_at": (START + timedelta(minutes=30)).isoformat()}
    archive_of(place.folder, old, erase | at)
    place.broker.logs.clear()
    place.log.clear()
    place.put(*late)
    place.redis.flushall()

    place.replay().run(ALL, nothing)

    assert old["user_id"] not in served(place.redis, [click(7)])
    assert place.redis.hkeys(keys.erased(tombstone(old["user_id"], KEY)[:2])) != []


def test_an_erasure_that_the_consumer_has_not_met_is_not_passed_over(place: Place) -> None:
    """The archiver was faster: its offsets lie behind the erasure, the consumer's before it."""
    place.redis.sadd(keys.VERSIONS, "v1")
    place.redis.set(keys.row("v1", "u7"), b"row")
    at = START + timedelta(minutes=500)
    place.put(Erase(event_id="x", user_id="u7", occurred_at=at))
    ahead = {p: len(place.broker.logs["t", p]) for p in range(3)}
    with writing(place.folder) as writer:
        writer.flush(writer.sort([]), ahead)

    place.replay().run(ALL, nothing)

    assert place.redis.exists(keys.row("v1", "u7")) == 0
    assert "u7" not in served(place.redis, place.log)


@pytest.mark.parametrize("ended_by", [KeyboardInterrupt, RuntimeError])
def test_a_replay_that_ends_early_leaves_what_is_served_and_the_next_cleans_up(
    place: Place, ended_by: type[BaseException]
) -> None:
    before = served(place.redis, place.log)
    broken = replace(place.replay(), open_writer=_breaking(place, ended_by))

    with pytest.raises(ended_by):
        broken.run(LOG, nothing)
    assert place.keys_of_spaces() == {"0", "1"}
    assert served(place.redis, place.log) == before

    meanwhile: set[str] = set()
    done = place.replay().run(LOG, lambda *_: meanwhile.update(place.keys_of_spaces()))
    assert "1" not in meanwhile  # not three of them at once
    assert place.keys_of_spaces() == {str(done.space)} == {"2"}
    assert served(place.redis, place.log) == before


def _breaking(place: Place, error: type[BaseException]) -> Callable[[int], StateWriter]:
    class Broken(StateWriter):
        def keep_up(self) -> None:
            raise error

    return lambda space: Broken(place.redis, "t", KEY, space=space)


def test_a_redis_that_is_emptied_meanwhile_is_noticed(place: Place) -> None:
    archive_of(place.folder, click(1).model_dump(mode="json"))

    def empty(name: str, _total: int, _read: int) -> None:
        if name == "log":
            place.redis.flushall()

    with pytest.raises(StoreChanged, match="emptied or restored") as raised:
        place.replay().run(ALL, empty)
    assert "run the replay again" in (raised.value.next_step or "")
    assert place.redis.get(keys.SPACE) is None


def test_what_others_serve_meanwhile_is_not_replaced(place: Place) -> None:
    def switch(name: str, _total: int, _read: int) -> None:
        if name == "log":
            place.redis.set(keys.SPACE, 77)

    with pytest.raises(Refused, match=r"space 0 .* not the one that is served"):
        place.replay().run(LOG, switch)
    assert place.redis.get(keys.SPACE) == b"77"


def test_a_log_that_is_away_is_named_before_anything_is_read(place: Place) -> None:
    place.broker.is_away = True

    with pytest.raises(LogUnavailable):
        place.replay().run(ALL, nothing)
    assert place.keys_of_spaces() == {"0"}


def test_a_log_that_falls_silent_is_not_waited_for_for_ever(place: Place) -> None:
    class Silent(MemoryLogReader):
        def poll(self, wait_s: float) -> list:  # type: ignore[type-arg,override]
            del wait_s
            return []

    silent = replace(place.replay(), reader=Silent(place.broker, "t", "replay"))

    with pytest.raises(LogUnavailable, match="gave nothing"):
        silent.run(LOG, nothing)
