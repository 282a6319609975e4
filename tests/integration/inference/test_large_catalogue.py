"""More restaurants than a request may look at one by one: filters hold, nothing good is missed."""

from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from typing_extensions import override

from loadtests.scale import HERE, write_model
from loadtests.served import publish
from maitred.artifact import Model, load, score, shortlist, taste_of
from maitred.artifact.folder import read_diners
from maitred.catalogue import SCAN_ROWS, Filters
from maitred.clock import SystemClock
from maitred.features import EMPTY
from maitred.policy import greedy
from services.inference.ask import Ask
from services.inference.breadth import Breadth
from services.inference.deadline import Deadline
from services.inference.lookups import Lookups
from services.inference.recommend import Recommendation
from services.inference.shown import Degraded, Rung
from tests.support.inference import LiveInference, ids, serving
from tests.support.servers import LiveValkey

RESTAURANTS = 25_000
RARE = Filters(cuisines=("cuisine-07",), price_max=1)
"""What passes it among the most popular is too little: all have to be looked at."""


class StuckPool(ThreadPoolExecutor):
    """A thread that is busy for ever."""

    asked = 0

    @override
    def submit(self, *_: object, **__: object) -> "Future[Any]":  # type: ignore[override]
        self.asked += 1
        return Future()


async def stuck(
    large: LiveInference, pool: StuckPool, ask: Ask, *, has_room: bool = True
) -> Recommendation:
    """What is recommended while the thread is busy with others."""
    recommender = replace(large.deps.recommender, breadth=Breadth(pool))
    return await recommender.recommend(ask, Deadline(SystemClock(), 0.1, has_room=has_room))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large") / "model"
    write_model(folder, RESTAURANTS)
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return load(folder)


@pytest.fixture
async def large(valkey: LiveValkey, folder: Path, tmp_path: Path) -> AsyncIterator[LiveInference]:
    publish(valkey.url, folder)
    # what is tested is what is found, not how fast a busy machine finds it
    patient = {"budget_ms": 100, "redis_budget_ms": 100}
    async with serving(tmp_path / "state", valkey.url, **patient) as inference:
        yield inference


def exact(model: Model, folder: Path, user_id: str, k: int) -> list[str]:
    """The best by score among all restaurants."""
    row = dict(read_diners(folder))[user_id]
    taste = taste_of(row, EMPTY, model.catalogue.index)
    scored = score(model, taste, shortlist(model, taste, model.catalogue.everything))
    return [model.catalogue.ids[i] for i in scored.candidates[greedy(scored.log_p, k)].tolist()]


def test_the_catalogue_is_over_the_limit() -> None:
    assert RESTAURANTS > SCAN_ROWS


async def test_without_a_place_the_best_of_everything_is_found(
    large: LiveInference, model: Model, folder: Path
) -> None:
    for user_id in ("u0000", "u0123", "u0499"):
        reply = await large.recommend(user_id=user_id, k=100, explore="false")

        best = set(exact(model, folder, user_id, 100))
        assert reply["rung"] == "personalised"
        assert len(best & set(ids(reply))) >= 95


@pytest.mark.parametrize(
    ("parameters", "filters"),
    [
        ({"cuisine": "cuisine-07"}, Filters(cuisines=("cuisine-07",))),
        ({"cuisine": "cuisine-07", "price_max": 1}, Filters(cuisines=("cuisine-07",), price_max=1)),
        (
            {"lat": HERE[0], "lon": HERE[1], "radius_km": 15_000},
            Filters(lat=HERE[0], lon=HERE[1], radius_km=15_000),
        ),
        (
            {"lat": HERE[0], "lon": HERE[1], "radius_km": 0.3, "price_max": 2},
            Filters(lat=HERE[0], lon=HERE[1], radius_km=0.3, price_max=2),
        ),
    ],
)
@pytest.mark.parametrize("user_id", ["u0042", None])
async def test_filters_hold_and_no_list_is_shorter_than_it_must_be(
    large: LiveInference,
    model: Model,
    parameters: dict[str, Any],
    filters: Filters,
    user_id: str | None,
) -> None:
    who = {"user_id": user_id} if user_id else {}
    reply = await large.recommend(k=50, **who, **parameters)

    allowed = {model.catalogue.ids[row] for row in model.catalogue.allowed(filters).rows.tolist()}
    assert set(ids(reply)) <= allowed
    assert len(ids(reply)) == min(50, len(allowed))
    assert reply["degraded"] is None


async def test_a_filter_that_leaves_few_is_counted_exactly(
    large: LiveInference, model: Model
) -> None:
    out = {"cuisine": "cuisine-07", "open_at": "2026-05-01T04:00:00"}

    reply = await large.recommend(user_id="u0042", **out)

    kept = model.catalogue.allowed(Filters(cuisines=("cuisine-07",))).rows.size
    assert ids(reply) == []
    assert reply["filtered"] == {"cuisine": RESTAURANTS - kept, "open_at": kept}


async def test_a_request_without_room_is_answered_from_what_is_at_hand(
    large: LiveInference,
) -> None:
    pool = StuckPool()

    made = await stuck(large, pool, Ask("r", "u0042", filters=RARE), has_room=False)

    assert (made.shown.rung, made.degraded) == (Rung.POPULAR, Degraded.OVERLOAD)
    assert pool.asked == 0


@pytest.mark.parametrize(
    ("ask", "step", "rung"),
    [
        (Ask("r", "u0042", filters=RARE), "filters", Rung.PERSONALISED),
        (Ask("r", filters=RARE), "filters", Rung.POPULAR),
        (Ask("r", "u0042"), "candidates", Rung.PERSONALISED),
    ],
)
async def test_a_list_for_which_time_ran_short_says_so(
    large: LiveInference, ask: Ask, step: str, rung: Rung
) -> None:
    made = await stuck(large, StuckPool(), ask)

    assert (made.shown.rung, made.degraded) == (rung, Degraded.DEADLINE)
    assert large.metric("maitred_deadline_exhausted_total", step=step) == 1


async def test_a_lookup_for_which_time_ran_short_is_not_remembered(
    large: LiveInference, model: Model
) -> None:
    name = model.catalogue.ids[0]
    snapshot, ask = large.deps.snapshots.now, Ask("r", filters=RARE, k=100)
    policy = large.deps.recommender.policy_for(ask, snapshot)
    with ThreadPoolExecutor(1) as pool:
        lookups = Lookups(Breadth(StuckPool()))
        short = [
            await lookups.popular(ask, policy, snapshot, within_s=0.001),
            await lookups.similar(name, ask, snapshot, within_s=0.001),
        ]
        lookups.breadth = Breadth(pool)
        whole = [
            await lookups.popular(ask, policy, snapshot, within_s=5),
            await lookups.similar(name, ask, snapshot, within_s=5),
        ]

    for (cut, _), (page, is_remembered) in zip(short, whole, strict=True):
        assert not is_remembered
        assert len(orjson.loads(cut.body)["items"]) < len(orjson.loads(page.body)["items"])
        assert page.etag != cut.etag
