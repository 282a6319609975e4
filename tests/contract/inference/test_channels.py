"""One suite for every way out of a worker: the socket to the relay, and straight to an outlet."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from maitred.clock import SystemClock
from maitred.errors import UsageError
from maitred.events import Traffic
from maitred.observability import Metrics
from services.inference.channel import Channel, LocalChannel, SocketChannel, one_by_one
from services.inference.datagram import pack
from services.inference.impressions import ImpressionLog
from services.inference.relay import Relay
from tests.support.impressions import counted, encode, fresh_metrics, impression, relaying, told
from tests.support.waiting import eventually


@dataclass
class Way:
    """A channel, and what came out of it."""

    channel: Channel
    metrics: Metrics
    close: Callable[[], None]
    arrived: list[tuple[str, bytes]] = field(default_factory=list)

    def log(self) -> ImpressionLog:
        return ImpressionLog(self.channel, self.metrics, later=lambda _s, _turn: None)

    def requests(self) -> list[object]:
        return [told(event)["request_id"] for _, event in self.arrived]


@pytest.fixture(params=["local", "socket"])
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    arrived: list[tuple[str, bytes]] = []
    hand_on = one_by_one(lambda key, event: arrived.append((key, event)))
    metrics = fresh_metrics()
    if request.param == "local":
        yield Way(LocalChannel(hand_on), metrics, lambda: None, arrived)
        return
    with ExitStack() as stack:
        sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        stack.enter_context(sender)
        stack.enter_context(receiver)
        stack.enter_context(relaying(receiver, hand_on, metrics))
        yield Way(SocketChannel(sender.fileno()), metrics, stack.close, arrived)


def settle(way: Way, log: ImpressionLog) -> None:
    """Wait until the worker has got rid of everything and the way is at its end."""
    asyncio.run(log.close())
    way.close()


def test_impressions_arrive_once_in_order_and_exactly_as_they_were_offered(way: Way) -> None:
    offered = [impression(number) for number in range(500)]
    log = way.log()

    for number, one in enumerate(offered):
        log.offer(one)
        if number % 8 == 0:
            log.flush()
    settle(way, log)

    assert [key for key, _ in way.arrived] == [one.user_id for one in offered]
    assert [told(event) for _, event in way.arrived] == [told(encode(one)) for one in offered]
    assert counted(way.metrics, "dropped") == 0


def test_every_event_has_an_id_of_its_own(way: Way) -> None:
    log = way.log()

    for _ in range(50):
        log.offer(impression(1))
    settle(way, log)

    assert len({event for _, event in way.arrived}) == 50


def test_one_that_fills_several_batches_arrives_whole(way: Way) -> None:
    ids = tuple(f"{number:03}" + "é" * 60 for number in range(500))
    big = impression(2, places=100, pool=500, ids=ids)
    assert len(pack(big)) > 64 * 1024
    log = way.log()

    for one in (impression(1), big, impression(3)):
        log.offer(one)
    settle(way, log)

    assert way.requests() == ["request-1", "request-2", "request-3"]
    assert told(way.arrived[1][1]) == told(encode(big))


def test_what_cannot_be_sent_is_counted_and_the_others_arrive(way: Way) -> None:
    too_long = impression(2, pool=500, ids=tuple(f"{n:03}" + "é" * 250 for n in range(500)))
    no_unicode = impression(3, user_id="\ud800")
    log = way.log()

    for one in (impression(1), too_long, no_unicode, impression(4)):
        log.offer(one)
    settle(way, log)

    assert way.requests() == ["request-1", "request-4"]
    assert counted(way.metrics, "dropped") == 2


def test_previews_and_warm_ups_leave_no_trace(way: Way) -> None:
    log = way.log()

    for number, traffic in enumerate(Traffic):
        log.offer(impression(number, traffic=traffic))
    settle(way, log)

    kinds = {told(event)["traffic"] for _, event in way.arrived}
    assert kinds == set(Traffic) - {Traffic.PREVIEW, Traffic.WARMUP}


def test_a_relay_passes_over_what_it_cannot_read_and_counts_it() -> None:
    arrived: list[bytes] = []
    metrics = fresh_metrics()
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, receiver:
        with relaying(receiver, one_by_one(lambda _, event: arrived.append(event)), metrics):
            whole = pack(impression(1))
            of_another_layout = b"\x02" + whole[1:]
            for datagram in (of_another_layout, whole + whole[:40], whole[:3], whole):
                sender.send(datagram)
            eventually(lambda: len(arrived) == 2, within_s=5)

        assert counted(metrics, "dropped") == 3


def test_a_relay_that_is_told_to_stop_hands_on_what_waits_first() -> None:
    arrived: list[bytes] = []
    hand_on = one_by_one(lambda _, event: arrived.append(event))
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, receiver:
        for number in range(5):
            sender.send(pack(impression(number)))
        relay = Relay(receiver, hand_on, clock=SystemClock(), metrics=fresh_metrics())

        relay.stop()
        relay.run()

    assert [told(event)["seed"] for event in arrived] == list(range(5))


def test_a_relay_whose_starter_is_gone_hands_on_what_waits_first() -> None:
    arrived: list[bytes] = []
    hand_on = one_by_one(lambda _, event: arrived.append(event))
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    lifeline, starter = os.pipe()
    with sender, receiver:
        for number in range(5):
            sender.send(pack(impression(number)))
        relay = Relay(
            receiver, hand_on, clock=SystemClock(), metrics=fresh_metrics(), lifeline=lifeline
        )

        os.close(starter)
        relay.run()
    os.close(lifeline)

    assert [told(event)["seed"] for event in arrived] == list(range(5))


def test_a_relay_outlives_a_log_that_fails() -> None:
    calls: list[int] = []
    metrics = fresh_metrics()

    def failing(events: object) -> None:
        calls.append(len(list(events)))  # type: ignore[call-overload]
        msg = "a bug"
        raise RuntimeError(msg)

    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, receiver, relaying(receiver, failing, metrics):
        sender.send(pack(impression(1)))
        eventually(lambda: 1 in calls, within_s=5)
        calls.clear()
        sender.send(pack(impression(2)))
        eventually(lambda: 1 in calls, within_s=5)

    name = "maitred_unexpected_errors_total"
    assert (metrics.registry.get_sample_value(name, {"program": "relay"}) or 0) >= 2


def test_a_number_that_is_no_datagram_socket_is_refused() -> None:
    read, write = os.pipe()
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with one, other:
        for fd in (read, one.fileno(), 1_000_000):
            with pytest.raises(UsageError, match=f"file descriptor {fd} is no end"):
                SocketChannel(fd)
    os.close(read)
    os.close(write)


def test_a_pair_whose_other_end_is_gone_has_no_room() -> None:
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    channel = SocketChannel(sender.fileno())
    receiver.close()

    assert channel.send(pack(impression(1))) is False
    channel.close()
    sender.close()
