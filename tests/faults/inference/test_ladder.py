"""When time, capacity or sense run out, the reply steps down and names what ran short."""

import socket
from pathlib import Path

import pytest
import redis

from maitred.store import keys
from services.inference.channel import LARGEST
from services.inference.datagram import unpack
from tests.support.inference import PATIENCE_S, LiveInference, publish, serving
from tests.support.servers import LiveValkey

pytest_plugins = ["tests.support.served"]


async def test_a_spent_budget_serves_the_static_rung_and_names_the_step(
    valkey: LiveValkey, tmp_path: Path
) -> None:
    publish(valkey.url, tmp_path)

    async with serving(tmp_path / "state", valkey.url, budget_ms=0.001) as inference:
        reply = await inference.recommend(user_id="u1", k=12, cuisine="thai", explain="true")

    assert (reply["rung"], reply["degraded"]) == ("static", "deadline")
    assert {i["restaurant_id"] for i in reply["items"]} == {"r01", "r04", "r07", "r10"}
    assert inference.metric("maitred_deadline_exhausted_total", step="filters") == 1


async def test_a_full_house_takes_the_cheaper_rung_without_asking_redis(
    inference: LiveInference,
) -> None:
    admission = inference.deps.admission
    admission.inside = admission.max_inside

    crowded = await inference.recommend(user_id="u1", cuisine="thai")
    admission.inside = 0
    alone = await inference.recommend(user_id="u1", cuisine="thai")

    assert (crowded["rung"], crowded["degraded"]) == ("segment", "overload")
    assert (alone["rung"], alone["degraded"]) == ("personalised", None)


async def test_a_lagging_loop_takes_the_cheaper_rung(inference: LiveInference) -> None:
    inference.deps.admission.lag_s = 2 * PATIENCE_S  # until the next tick

    reply = await inference.recommend(user_id="u1", cuisine="thai")

    assert (reply["rung"], reply["degraded"]) == ("segment", "overload")
    assert (
        reply["took_ms"] >= 35
    )  # what it waited before anybody looked counts, up to half the budget


@pytest.mark.parametrize(
    ("key", "junk"),
    [(keys.state("u1"), b"junk"), (keys.state("u1"), b'{"v":9,"recent":[]}')],
)
async def test_bytes_nobody_can_read_cost_quality_and_are_counted(
    inference: LiveInference, valkey: LiveValkey, key: str, junk: bytes
) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        client.set(key, junk)

    reply = await inference.recommend(user_id="u1", cuisine="thai")

    assert (reply["rung"], reply["degraded"]) == ("segment", "internal")
    assert inference.metric("maitred_unexpected_errors_total", program="inference") == 1


async def test_a_row_of_another_models_shape_costs_quality_too(
    inference: LiveInference, valkey: LiveValkey
) -> None:
    version = inference.deps.snapshots.now.versions()["clicks"] or ""
    with redis.Redis.from_url(valkey.url) as client:
        client.set(keys.row(version, "u1"), b"\1\0\0\0")

    reply = await inference.recommend(user_id="u1")

    assert (reply["rung"], reply["degraded"]) == ("popular", "internal")


async def test_a_full_queue_drops_impressions_and_counts_them(
    valkey: LiveValkey, tmp_path: Path
) -> None:
    publish(valkey.url, tmp_path)
    worker, relay = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    fd = worker.fileno()
    with worker, relay:
        async with serving(
            tmp_path / "state", valkey.url, to_kafka=True, impressions_fd=fd
        ) as inference:
            stuffed = stuff(worker)
            inference.deps.recommender.impressions._capacity = 3
            for _ in range(20):
                await inference.recommend(user_id="u1")
            dropped = inference.metric("maitred_impressions_total", outcome="dropped")
            for _ in range(stuffed):
                relay.recv(100)
        arrived = [event for _, event in unpack(relay.recv(LARGEST))]

    assert dropped == 17
    assert len(arrived) == 3


def stuff(sender: socket.socket) -> int:
    """Send until the kernel takes no more; return how many it took."""
    count = 0
    try:
        while True:
            sender.send(b"x", socket.MSG_DONTWAIT)
            count += 1
    except BlockingIOError:
        return count
