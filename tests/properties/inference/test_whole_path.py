"""Laws of the whole path, on every rung: what was seen is masked, pages repeat nothing and end.

Asked of the recommender itself with a clock that stands still, so that each example decides which
rung it gets; the diner is anonymous and brings a history, so that no store is needed.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from maitred.catalogue import Filters
from maitred.clock import ManualClock
from maitred.observability import Metrics
from maitred.settings import Settings
from maitred.store.client import connect_async
from maitred.store.reader import DinerReader
from services.inference.ask import Ask
from services.inference.breadth import open_breadth
from services.inference.channel import LocalChannel, one_by_one
from services.inference.deadline import Deadline
from services.inference.impressions import ImpressionLog
from services.inference.pages import Page
from services.inference.recommend import Recommendation, Recommender
from services.inference.shown import Rung
from services.inference.snapshot import Served, Snapshot, Snapshots
from tests.support import brute
from tests.support.wide import now_true, wide_filters, wide_live, wide_served

City = Callable[[], Served]
Walk = Callable[[Recommender, Ask], Awaitable[Recommendation]]
Result = TypeVar("Result")


async def full(recommender: Recommender, ask: Ask) -> Recommendation:
    return await recommender.recommend(ask, Deadline(recommender.clock, 1.0))


async def without_room(recommender: Recommender, ask: Ask) -> Recommendation:
    return await recommender.recommend(ask, Deadline(recommender.clock, 1.0, has_room=False))


async def too_late(recommender: Recommender, ask: Ask) -> Recommendation:
    return await recommender.recommend(ask, Deadline(recommender.clock, 0.0))


WALKS = pytest.mark.parametrize("walk", [full, without_room, too_late])
cities = st.sampled_from([wide_served, wide_live])
histories = st.lists(
    st.sampled_from([*wide_served().catalogue.ids, "new/1", "nowhere"]), max_size=60
).map(tuple)
asks = st.builds(
    Ask,
    request_id=st.text("abc", min_size=1, max_size=3),
    k=st.integers(1, 100),
    filters=st.just(Filters()) | wide_filters(),
    history=histories,
    masks_seen=st.booleans(),
    max_per_cuisine=st.none() | st.integers(1, 4),
    page=st.none() | st.just(Page()),
    explain=st.booleans(),
)


@asynccontextmanager
async def recommender_of(served: Served) -> AsyncIterator[Recommender]:
    clock, metrics = ManualClock(), Metrics(CollectorRegistry())
    snapshots = Snapshots()
    snapshots.swap(Snapshot(clicks=served))
    channel = LocalChannel(one_by_one(lambda _key, _value: True))
    impressions = ImpressionLog(channel, metrics, later=lambda _seconds, _turn: None)
    with open_breadth() as breadth:
        async with connect_async("redis://127.0.0.1:1", timeout_s=0.1) as redis:  # asked nothing
            reader = DinerReader(redis)
            yield Recommender(Settings(), clock, metrics, snapshots, reader, breadth, impressions)


def run(city: City, work: Callable[[Recommender], Awaitable[Result]]) -> Result:
    async def main() -> Result:
        async with recommender_of(city()) as recommender:
            return await work(recommender)

    return asyncio.run(main())


def may(city: City, ask: Ask) -> tuple[set[str], dict[str, int]]:
    """What may be shown, and what each reason took, by the documented order of reasons."""
    restaurants = now_true(city())
    assume(brute.is_decided(restaurants, ask.filters))
    allowed, counts = brute.allowed(restaurants, ask.filters)
    if ask.masks_seen and (seen := allowed & set(ask.history)):
        counts["seen"] = len(seen)
        allowed -= seen
    return allowed, counts


def told(counts: dict[str, int], filters: Filters) -> dict[str, int]:
    """Counts as they can be compared: farther than anybody delivers may count as out of range."""
    both = counts.get("radius_km", 0) + counts.get("delivers", 0)
    if filters.radius_km is None or not filters.delivers or not both:
        return counts
    rest = {name: n for name, n in counts.items() if name not in {"radius_km", "delivers"}}
    return {"radius_km or delivers": both, **rest}


def ids(made: Recommendation) -> list[str]:
    return [made.ids[row] for row in made.shown.restaurants.tolist()]


@WALKS
@settings(deadline=None)
@given(city=cities, ask=asks)
def test_filters_masks_and_lengths_hold_and_the_counts_say_what_took_the_rest(
    walk: Walk, city: City, ask: Ask
) -> None:
    allowed, counts = may(city, ask)

    made = run(city, lambda recommender: walk(recommender, ask))

    shown = ids(made)
    assert set(shown) <= allowed
    assert len(shown) == len(set(shown)) == min(ask.k, len(allowed))
    assert told(made.removed, ask.filters) == told(counts, ask.filters)
    assert list(made.removed) == [n for n in (*brute.ORDER, "seen") if n in made.removed]


@WALKS
@settings(deadline=None, max_examples=40)
@given(city=cities, ask=asks, changes=st.lists(st.sampled_from([full, without_room, too_late])))
def test_pages_repeat_nothing_and_together_show_all_there_is(
    walk: Walk, city: City, ask: Ask, changes: list[Walk]
) -> None:
    """Whatever rung each page comes from."""
    ask = replace(ask, k=max(ask.k, 7))
    allowed, counts = may(city, ask)

    async def pages(recommender: Recommender) -> list[list[str]]:
        made, page = [], Page()
        rungs = iter(changes)
        while True:
            one = await next(rungs, walk)(recommender, replace(ask, page=page))
            before = sum(map(len, made))
            assert one.removed.get("shown", 0) == before
            others = {name: n for name, n in one.removed.items() if name != "shown"}
            assert told(others, ask.filters) == told(counts, ask.filters)
            made.append(ids(one))
            if one.cursor is None:
                return made
            page = Page.of(one.cursor)

    made = run(city, pages)

    shown = [name for page in made for name in page]
    assert len(shown) == len(set(shown))
    assert set(shown) == allowed
    assert all(len(page) == ask.k for page in made[:-1])
    assert made[-1] or not allowed  # no empty page but the only one


@settings(deadline=None, max_examples=20)
@given(ask=asks, turns=st.lists(cities, min_size=1, max_size=6))
def test_pages_repeat_nothing_while_the_city_changes(ask: Ask, turns: list[City]) -> None:
    """Every page may be another worker's, with another catalogue and other rows."""
    page, shown = Page(), []
    for city in turns:
        at = replace(ask, page=page)
        one = run(city, lambda recommender, at=at: full(recommender, at))
        shown += ids(one)
        if one.cursor is None:
            break
        page = Page.of(one.cursor)

    assert len(shown) == len(set(shown))


@given(st.lists(st.text(min_size=1, max_size=40), unique=True, max_size=120))
def test_a_cursor_survives_its_journey(names: list[str]) -> None:
    cursor = Page().cursor_after(names)

    assert cursor is not None
    assert cursor.replace("-", "").replace("_", "").isalnum()
    page = Page.of(cursor)
    assert len(page) == len(names)
    assert len({page.marks[i : i + 5] for i in range(0, len(page.marks), 5)}) == len(names)


@given(
    st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, unique=True),
    st.data(),
)
def test_a_cursor_that_was_changed_or_cut_is_noticed(names: list[str], data: Any) -> None:  # noqa: ANN401
    cursor = Page().cursor_after(names) or ""
    at = data.draw(st.integers(0, len(cursor) - 1))
    other = data.draw(st.characters(exclude_characters=cursor[at]))

    for broken in (
        cursor[:at] + other + cursor[at + 1 :],
        cursor[:at],
        cursor + other,
        cursor + "=",
    ):
        if broken != "start":
            with pytest.raises(ValueError, match=r"."):
                Page.of(broken)


def test_a_long_walk_ends_at_five_hundred() -> None:
    page = Page()
    for start in range(0, 400, 100):
        cursor = page.cursor_after(f"r{i}" for i in range(start, start + 100))
        assert cursor is not None
        page = Page.of(cursor)

    assert page.cursor_after(f"r{i}" for i in range(400, 500)) is None


def test_rungs_are_those_that_the_walks_are_named_for() -> None:
    ask = Ask("r", history=("r00450", "r00451"))

    async def rungs(recommender: Recommender) -> list[Rung]:
        walks = (full, without_room, too_late)
        return [(await walk(recommender, ask)).shown.rung for walk in walks]

    assert run(wide_served, rungs) == [Rung.PERSONALISED, Rung.POPULAR, Rung.STATIC]
