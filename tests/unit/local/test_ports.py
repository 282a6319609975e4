"""Ports: defaults move, configured ones are refused, 0 is any."""

import os
import socket
from collections.abc import Iterator

import pytest

from maitred.errors import StackRefused
from services.local.ports import Ports, free_port, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_default_that_is_free_is_used() -> None:
    ports, default = Ports(), free_port()

    assert ports.choose("inference", None, default) == default
    assert ports.moves == []


def test_a_default_that_is_taken_moves_and_says_so(taken: int) -> None:
    ports = Ports()

    port = ports.choose("inference", None, taken)

    assert port != taken
    assert is_free(port)
    assert ports.moves == [
        f"port {taken} is taken by {_me()}: inference moves to {port}",
    ]


def test_a_configured_port_that_is_taken_is_refused_naming_its_holder(taken: int) -> None:
    with pytest.raises(StackRefused, match=f"port {taken}") as refusal:
        Ports().choose("kafka", taken, 9094)

    assert f"pid {os.getpid()}" in str(refusal.value)
    assert refusal.value.fields[0][0] == "MAITRED_KAFKA_PORT"


def test_zero_means_any_free_port() -> None:
    port = Ports().choose("valkey", 0, 6390)

    assert port not in {0, 6390}


def test_two_services_never_get_the_same_port() -> None:
    ports, default = Ports(), free_port()

    first = ports.choose("inference", None, default)
    second = ports.choose("ingest", None, default)

    assert first != second


def _me() -> str:
    import psutil  # noqa: PLC0415

    return f"{psutil.Process().name()} (pid {os.getpid()})"
