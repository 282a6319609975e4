"""Clients that are slow, half gone or too wordy; and the others, who must not notice."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.masters import CLOCK, LiveMaster, mastered

GET = b"GET /pid HTTP/1.1\r\nhost: tiny\r\n"
POST = b"POST /body HTTP/1.1\r\nhost: tiny\r\ncontent-length: 10\r\n\r\n"
SLOWER = 1.25
"""How much slower than alone another client may become beside slow ones, in its median."""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveMaster]:
    with mastered(tmp_path_factory.mktemp("slow")) as live:
        yield live


@pytest.fixture
def client(live: LiveMaster) -> Iterator[socket.socket]:
    with closing(live.connect()) as connection:
        yield connection


def said(client: socket.socket) -> bytes:
    """Everything until the server closes; that it does is part of the claim."""
    got = b""
    while chunk := client.recv(65536):
        got += chunk
    return got


def one(client: socket.socket) -> bytes:
    """One reply, of a connection that may stay open."""
    got = b""
    while True:
        head, end, body = got.partition(b"\r\n\r\n")
        lengths = [int(f[15:]) for f in head.split(b"\r\n") if f.startswith(b"content-length:")]
        if end and len(body) >= lengths[0]:
            return got
        chunk = client.recv(65536)
        assert chunk, got
        got += chunk


def reply(got: bytes) -> tuple[int, dict[str, str], dict[str, object]]:
    head, _, body = got.partition(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    headers = dict(field.split(": ", 1) for field in fields)
    return int(status.split()[1]), headers, json.loads(body)


def refusal(got: bytes) -> int:
    """The status of a reply that must be a problem and the connection's last."""
    status, headers, body = reply(got)
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    assert body["status"] == status
    assert body["detail"]
    return status


def drip(client: socket.socket, text: bytes, pause_s: float, cut: threading.Event) -> None:
    for byte in text:
        if cut.wait(pause_s):
            return
        try:
            client.sendall(bytes([byte]))
        except OSError:
            return


def test_a_head_that_drips_in_is_cut_after_five_seconds(client: socket.socket) -> None:
    cut, started = threading.Event(), CLOCK.monotonic()
    thread = threading.Thread(target=drip, args=(client, GET * 100, 0.2, cut))
    thread.start()

    got = said(client)

    took_s = CLOCK.monotonic() - started
    cut.set()
    thread.join(5)
    assert refusal(got) == 408
    assert 4.9 < took_s < 6.5


def test_a_connection_that_says_nothing_is_closed_without_a_word(client: socket.socket) -> None:
    started = CLOCK.monotonic()

    got = said(client)

    assert got == b""
    assert 4.9 < CLOCK.monotonic() - started < 6.5


def test_an_empty_line_does_not_buy_a_connection_for_ever(client: socket.socket) -> None:
    client.sendall(GET + b"\r\n")
    first = one(client)
    started = CLOCK.monotonic()
    client.sendall(b"\r\n")

    said(client)

    assert first.startswith(b"HTTP/1.1 200")
    assert 4.9 < CLOCK.monotonic() - started < 6.5


def test_a_body_that_does_not_come_is_cut_after_five_seconds(client: socket.socket) -> None:
    client.sendall(POST + b"12345")
    started = CLOCK.monotonic()

    got = said(client)

    assert refusal(got) == 408
    assert 4.9 < CLOCK.monotonic() - started < 6.5


def test_a_body_may_begin_when_the_head_was_slow(client: socket.socket) -> None:
    client.sendall(POST[:30])
    CLOCK.sleep(3.0)
    client.sendall(POST[30:])
    CLOCK.sleep(3.0)
    client.sendall(b"0123456789")

    status, _, body = reply(one(client))

    assert (status, body) == (200, {"bytes": 10})


def test_an_idle_connection_is_kept_and_a_slow_answer_is_no_slow_client(
    client: socket.socket,
) -> None:
    client.sendall(GET.replace(b"/pid", b"/slow/6") + b"\r\n")
    slow = one(client)
    CLOCK.sleep(6.0)
    client.sendall(GET + b"\r\n")

    after = one(client)

    assert (slow[:12], after[:12]) == (b"HTTP/1.1 200", b"HTTP/1.1 200")


def test_other_clients_do_not_notice_a_thousand_slow_ones(live: LiveMaster) -> None:
    with closing(live.connect()) as other:
        alone = median_s(other)
        slow = [live.connect() for _ in range(1000)]
        for connection in slow:
            connection.sendall(GET)

        beside = min(median_s(other) for _ in range(3))

        CLOCK.sleep(6.0)
        cut = sum(refusal(said(connection)) == 408 for connection in slow)
        for connection in slow:
            connection.close()

    assert cut == 1000
    assert beside < alone * SLOWER + 0.0005


def median_s(client: socket.socket) -> float:
    """The median time of 200 replies."""
    times = []
    for _ in range(200):
        began = CLOCK.monotonic()
        client.sendall(GET + b"\r\n")
        assert one(client).startswith(b"HTTP/1.1 200")
        times.append(CLOCK.monotonic() - began)
    return sorted(times)[100]


def test_a_half_closed_connection_gets_its_answer(client: socket.socket) -> None:
    client.sendall(GET.replace(b"/pid", b"/slow/0.3") + b"\r\n")
    client.shutdown(socket.SHUT_WR)

    status, headers, _ = reply(said(client))

    assert (status, headers["connection"]) == (200, "close")


@pytest.mark.parametrize("sent", [GET, POST + b"123"], ids=["head", "body"])
def test_half_a_request_and_an_end_is_refused(client: socket.socket, sent: bytes) -> None:
    client.sendall(sent)
    client.shutdown(socket.SHUT_WR)

    assert refusal(said(client)) == 400


@pytest.mark.parametrize("pieces", [1, 7])
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (GET + b"x: " + b"y" * 17_000 + b"\r\n\r\n", 431),
        (GET + b"".join(b"x%d: yyyyyyyyyy\r\n" % i for i in range(1200)) + b"\r\n", 431),
        (b"GET /pid?q=" + b"y" * 9_000 + b" HTTP/1.1\r\nhost: tiny\r\n\r\n", 414),
        (b"GET /pid?q=" + b"y" * 500_000 + b" HTTP/1.1\r\nhost: tiny\r\n\r\n", 414),
        (b"what is there to eat?\r\n\r\n", 400),
    ],
    ids=["one field", "many fields", "address", "endless address", "not HTTP"],
)
def test_what_is_too_long_or_not_http_is_a_problem(
    client: socket.socket, sent: bytes, status: int, pieces: int
) -> None:
    size = -(-len(sent) // pieces)
    for start in range(0, len(sent), size):
        client.sendall(sent[start : start + size])
        CLOCK.sleep(0.02)

    assert refusal(said(client)) == status


def test_an_endless_field_is_refused_before_it_ends(client: socket.socket) -> None:
    client.sendall(GET + b"x: ")
    for _ in range(40):
        client.sendall(b"y" * 1000)
        CLOCK.sleep(0.005)

    assert refusal(said(client)) == 431


@pytest.mark.parametrize(
    "sent",
    [
        GET + b"x: " + b"y" * 15_000 + b"\r\n\r\n",
        b"GET /pid?q=" + b"y" * 8_000 + b" HTTP/1.1\r\nhost: tiny\r\n\r\n",
    ],
    ids=["fields", "address"],
)
def test_what_is_just_short_enough_is_answered(client: socket.socket, sent: bytes) -> None:
    for start in range(0, len(sent), 3000):
        client.sendall(sent[start : start + 3000])
        CLOCK.sleep(0.01)

    assert one(client).startswith(b"HTTP/1.1 200")


def test_a_long_body_does_not_count_as_a_head(client: socket.socket) -> None:
    head = b"POST /body HTTP/1.1\r\nhost: tiny\r\ncontent-length: 500000\r\n\r\n"
    client.sendall(head[:20])
    CLOCK.sleep(0.05)
    client.sendall(head[20:] + b"y" * 500_000 + GET)
    first = reply(one(client))
    client.sendall(b"\r\n")

    second = one(client)

    assert (first[0], first[2]) == (200, {"bytes": 500_000})
    assert second.startswith(b"HTTP/1.1 200")


def test_a_bad_request_behind_a_good_one_does_not_spoil_its_answer(client: socket.socket) -> None:
    client.sendall(GET.replace(b"/pid", b"/slow/0.3") + b"\r\n" + b"nonsense\r\n\r\n")

    status, headers, _ = reply(said(client))

    assert (status, headers["connection"]) == (200, "close")


def test_a_request_knows_when_its_first_byte_came(client: socket.socket) -> None:
    client.sendall(GET)
    CLOCK.sleep(0.5)
    client.sendall(b"\r\n")
    dripped = reply(one(client))[2]["waited_s"]
    client.sendall(GET + b"\r\n")
    whole = reply(one(client))[2]["waited_s"]

    assert isinstance(dripped, float)
    assert isinstance(whole, float)
    assert 0.4 < dripped < 1.5
    assert whole < 0.2


def test_a_request_knows_how_long_it_waited_for_us_and_not_for_its_client(
    client: socket.socket,
) -> None:
    client.sendall(GET)
    CLOCK.sleep(0.5)
    client.sendall(b"\r\n")
    dripped = reply(one(client))[2]["delayed_s"]
    slow, last = GET.replace(b"/pid", b"/slow/0.5"), GET + b"connection: close\r\n"
    client.sendall(slow + b"\r\n" + last + b"\r\n")
    got = said(client)
    behind_its_own = reply(got[got.rindex(b"HTTP/1.1 ") :])[2]["delayed_s"]

    assert isinstance(dripped, float)
    assert isinstance(behind_its_own, float)
    assert 0 <= dripped < 0.2
    assert 0 <= behind_its_own < 0.2
