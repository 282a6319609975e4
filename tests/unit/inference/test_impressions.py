"""What a worker holds back: batches, a bounded queue, and counting what finds no room."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from services.inference.datagram import pack, unpack
from services.inference.impressions import BATCH_BYTES, EVERY_S, ImpressionLog
from tests.support.impressions import counted, fresh_metrics, impression, told


@dataclass
class Doorway:
    """A channel with as much room as the test says."""

    limit: int = 192 * 1024
    room: int = 1_000_000
    sent: list[bytes] = field(default_factory=list)
    is_closed: bool = False

    def send(self, datagram: bytes) -> bool:
        if self.room == 0:
            return False
        self.room -= 1
        self.sent.append(datagram)
        return True

    def close(self) -> None:
        self.is_closed = True

    def seeds(self) -> list[object]:
        return [told(event)["seed"] for datagram in self.sent for _, event in unpack(datagram)]


@dataclass
class Timer:
    """An event loop's ``call_later``, turned by hand."""

    due: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def __call__(self, delay_s: float, turn: Callable[[], None]) -> None:
        self.due.append((delay_s, turn))

    def ring(self) -> None:
        due, self.due = self.due, []
        for _, turn in due:
            turn()


def test_a_burst_leaves_as_one_datagram_when_the_timer_rings_once() -> None:
    doorway, timer = Doorway(), Timer()
    log = ImpressionLog(doorway, fresh_metrics(), later=timer)

    for number in range(5):
        log.offer(impression(number))
    assert ([delay for delay, _ in timer.due], doorway.sent) == ([EVERY_S], [])
    timer.ring()

    assert len(doorway.sent) == 1
    assert doorway.seeds() == [0, 1, 2, 3, 4]
    assert timer.due == []


def test_a_full_batch_leaves_without_waiting_for_the_timer() -> None:
    doorway, timer = Doorway(), Timer()
    log = ImpressionLog(doorway, fresh_metrics(), later=timer)
    fitting = BATCH_BYTES // len(pack(impression(0)))

    for number in range(fitting + 1):
        log.offer(impression(number))

    assert doorway.seeds() == list(range(fitting))
    assert len(doorway.sent[0]) <= BATCH_BYTES


def test_a_narrow_channel_gets_narrow_datagrams() -> None:
    size = len(pack(impression(1)))
    doorway, timer, metrics = Doorway(limit=3 * size + 50), Timer(), fresh_metrics()
    log = ImpressionLog(doorway, metrics, later=timer)

    for number in range(8):
        log.offer(impression(number))
    log.offer(impression(8, ids=tuple(f"{n:03}" + "x" * 120 for n in range(60))))
    timer.ring()

    assert doorway.seeds() == list(range(8))
    assert max(map(len, doorway.sent)) <= doorway.limit
    assert counted(metrics, "dropped") == 1


def test_without_room_impressions_wait_in_order_and_the_timer_goes_on() -> None:
    doorway, timer = Doorway(room=0), Timer()
    log = ImpressionLog(doorway, fresh_metrics(), later=timer)

    for number in range(100):
        log.offer(impression(number))
        timer.ring()
    assert doorway.sent == []
    doorway.room = 2
    timer.ring()
    assert len(doorway.sent) == 2
    doorway.room = 1_000
    timer.ring()

    assert doorway.seeds() == list(range(100))
    assert timer.due == []
    assert len(doorway.sent) < 10  # what waits grows into whole batches


def test_a_full_queue_drops_the_newest_and_counts_them_until_there_is_room() -> None:
    doorway, timer, metrics = Doorway(room=0), Timer(), fresh_metrics()
    log = ImpressionLog(doorway, metrics, later=timer, capacity=30)

    for number in range(50):
        log.offer(impression(number))
    doorway.room = 1_000
    timer.ring()
    log.offer(impression(50))
    timer.ring()

    assert doorway.seeds() == [*range(30), 50]
    assert counted(metrics, "dropped") == 20


def test_closing_sends_the_rest_and_counts_what_finds_no_room() -> None:
    for room, dropped in ((1_000, 0), (0, 7)):
        doorway, metrics = Doorway(room=room), fresh_metrics()
        log = ImpressionLog(doorway, metrics, later=Timer())
        for number in range(7):
            log.offer(impression(number))

        asyncio.run(log.close())

        assert doorway.is_closed
        assert (len(doorway.seeds()), counted(metrics, "dropped")) == (7 - dropped, dropped)
