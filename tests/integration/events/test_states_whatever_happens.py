"""Laws of the features consumer on a real Valkey: states are those of a recomputation from the log.

Whatever the batches, repetitions, late events and erasures; through crashes before, within and after
a write; through a Redis that is emptied, and one that is put back to how it was.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from maitred.clock import ManualClock
from maitred.errors import StoreChanged, StoreUnavailable
from maitred.events import Event
from maitred.store.client import Redis, connect
from maitred.store.state import StateStore
from maitred.store.traces import Traces
from maitred.store.writer import StateWriter
from services.consumers.features import KEEP_UP_S, FeaturesConsumer
from services.eventlog.port import Record
from tests.support.diners import logs, recomputed, records_of
from tests.support.servers import LiveValkey

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(1, 12)),
        st.tuples(st.sampled_from(["crash", "stop", "keep up"]), st.just(0)),
        st.tuples(st.sampled_from(["snapshot", "restore", "empty"]), st.just(0)),
        st.tuples(
            st.sampled_from(["break reading", "break before", "break within", "break after"]),
            st.just(0),
        ),
    ),
    max_size=25,
)  # fmt: skip


class Fragile(StateWriter):
    """Loses its connection on demand: at a read, or when nothing, a part, or all was written."""

    breaks: str = ""

    def _read(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        if self.breaks == "reading":
            self.breaks = ""
            msg = "the connection is gone"
            raise StoreUnavailable(msg)
        return super()._read(*args, **kwargs)

    def _send(self, calls: Sequence[Any], mark: bytes) -> None:
        breaks, self.breaks = self.breaks, ""
        if breaks and breaks != "reading":
            arrived = {"before": 0, "within": len(calls) // 2, "after": len(calls)}[breaks]
            super()._send(calls[:arrived], mark)
            self._marks = None  # as when replies do not come
            msg = "the connection is gone"
            raise StoreUnavailable(msg)
        super()._send(calls, mark)


class Reader:
    """The consumer and where it reads, as the runner leads it; and a Redis that may forget."""

    def __init__(self, redis: Redis, log: Sequence[Event]) -> None:
        self.redis = redis
        self.log = records_of(log)
        self.clock = ManualClock()
        self.saved: dict[bytes, bytes] = {}
        self.start()

    def start(self) -> None:
        self.writer = Fragile(self.redis, "t", "key")
        self.consumer = FeaturesConsumer(
            self.writer, Traces(self.redis, clock=self.clock), clock=self.clock
        )
        self.at = dict(self.consumer.resume_at())

    def waiting(self) -> list[Record]:
        return [r for r in self.log if r.offset >= self.at.get(r.partition, 0)]

    def take(self, count: int) -> None:
        records = self.waiting()[:count]
        try:
            outcome = self.consumer.take(records)
        except StoreChanged:
            self.at = dict(self.consumer.resume_at())
        except StoreUnavailable:
            pass  # the same records come again
        else:
            self.at |= outcome.offsets

    def do(self, step: str, count: int) -> None:
        match step:
            case "take":
                self.take(count)
            case "crash":
                self.start()
            case "stop":
                with suppress(StoreUnavailable):
                    self.consumer.finish()
                self.start()
            case "keep up":
                self.clock.advance(KEEP_UP_S)
                self.take(0)
            case "snapshot":
                self.saved = {name: self.redis.dump(name) for name in self.redis.scan_iter()}
            case "restore" | "empty":
                self.lose(self.saved if step == "restore" else {})
            case _:
                self.writer.breaks = step.removeprefix("break ")

    def lose(self, saved: Mapping[bytes, bytes]) -> None:
        self.redis.flushall()
        for name, raw in saved.items():
            self.redis.restore(name, 0, raw)

    def finish(self) -> None:
        """Read to the end; an idle consumer looks after Redis, too."""
        for _ in range(3):
            while self.waiting():
                self.take(50)
            self.clock.advance(KEEP_UP_S)
            self.take(0)
        assert not self.waiting()


@settings(max_examples=40, deadline=None)
@given(log=logs(), steps=STEPS)
def test_states_are_those_of_a_recomputation(
    valkey_server: LiveValkey, log: list[Event], steps: list[tuple[str, int]]
) -> None:
    valkey_server.flush()
    with connect(valkey_server.url) as redis:
        reader = Reader(redis, log)
        for step, count in steps:
            reader.do(step, count)
        reader.finish()

        wanted = recomputed(log)
        users = sorted({event.user_id for event in log})
        found = StateStore(redis).load(users)

    assert {user: state for user, state in found.items() if state.recent} == wanted
