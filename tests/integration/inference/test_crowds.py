"""Who counts as being inside, and what becomes of batches that come all at once."""

import asyncio
from collections.abc import AsyncIterator

from services.inference.slices import MOST_WAITING
from tests.support.inference import RECOMMENDATIONS, LiveInference

pytest_plugins = ["tests.support.served"]

BATCH = "/v1/recommendations/batch"
DINERS = {"diners": [{"user_id": "u1"}]}


class Upload:
    """A body whose second half comes when the test says so."""

    def __init__(self) -> None:
        self.begun, self.rest = asyncio.Event(), asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b'{"user_id":'
        self.begun.set()
        await self.rest.wait()
        yield b'"u1"}'


async def test_a_client_that_only_uploads_takes_no_room_from_others(
    inference: LiveInference,
) -> None:
    inference.deps.admission.max_inside = 1
    upload = Upload()
    slow = asyncio.create_task(inference.http.post(RECOMMENDATIONS, content=upload))
    await upload.begun.wait()

    other = await inference.recommend(user_id="u1")

    upload.rest.set()
    assert (await slow).status_code == 200
    assert (other["rung"], other["degraded"]) == ("personalised", None)


async def test_batches_that_wait_take_no_room_from_others(inference: LiveInference) -> None:
    inference.deps.admission.max_inside = 1
    async with inference.deps.turnstile:
        waiting = asyncio.create_task(inference.http.post(BATCH, json=DINERS))
        await asyncio.sleep(0.05)
        other = await inference.recommend(user_id="u1")
        assert not waiting.done()

    assert (await waiting).status_code == 200
    assert (other["rung"], other["degraded"]) == ("personalised", None)


async def test_a_batch_too_many_is_sent_away_and_those_that_wait_are_answered(
    inference: LiveInference,
) -> None:
    async with inference.deps.turnstile:
        calls = [
            asyncio.create_task(inference.http.post(BATCH, json=DINERS))
            for _ in range(MOST_WAITING + 1)
        ]
        await asyncio.wait(calls, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        [refused] = [call.result() for call in calls if call.done()]

    answered = [reply.status_code for reply in await asyncio.gather(*calls)]
    assert sorted(answered) == [200] * MOST_WAITING + [503]
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["next_step"] == "try again later, or send fewer batches at a time"
    after = await inference.http.post(BATCH, json=DINERS)
    assert after.status_code == 200
