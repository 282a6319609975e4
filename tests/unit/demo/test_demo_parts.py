"""The demo's own parts: what is replayed, what is watched, and the cards that tell it."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from maitred.clock import SystemClock
from maitred.errors import Refused
from maitred.events import Click, DinerEvent, Order
from services.local.demo import cards, screenshot
from services.local.demo.children import Commands
from services.local.demo.probes import Sample, Watch
from services.local.demo.report import (
    Comparison,
    Loop,
    Ml,
    ModelQuality,
    Product,
    Report,
    Sales,
    Setting,
    Simulated,
    Slice,
    Slower,
)
from services.local.demo.turning import part

START = datetime(1998, 1, 1, tzinfo=UTC)


def a_report(**changes: object) -> Report:
    interval = (0.2, 0.19, 0.21)
    quality = ModelQuality(
        hit_rate_10=interval,
        ndcg_10=interval,
        slice_new=Slice(n=7, hit_rate_10=interval, ndcg_10=interval),
    )
    setting = {"captured_per_diner": (384.0, 366.0, 402.0), "hit_rate_10": interval}
    report = Report(
        data_source="entree",
        commit="abc",
        started_at="2026-05-01T19:00:00+00:00",
        seconds=100.0,
        ml=Ml(n=10, protocol="last", served="blend", models={"blend": quality, "<b>": quality}),
        sales=Sales(
            currency="USD",
            assumed_values=True,
            settings=[
                Setting(name="clicks", revenue_weight=0.0, **setting),
                Setting(name="w=1", revenue_weight=1.0, **setting),
            ],
            simulated=[
                Simulated(
                    name="revenue",
                    diners=5,
                    revenue_per_diner=(-33.0, -40.0, -26.0),
                    orders_per_diner=(-0.1, -0.2, 0.0),
                )
            ],
        ),
        product=Product(
            requests=9999,
            failures=0,
            p50_ms=1.0,
            p95_ms=2.0,
            p99_ms=3.0,
            p999_ms=None,
            rungs={"personalised": 9999},
            event_to_change_s=0.2,
            promote_to_serving_s=None,
            failed_during_swap=0,
            slower=[
                Slower(curve="booking", added_ms=50, lost_conversion=0.01, lost_revenue_share=0.01)
            ],
        ),
        loop=Loop(
            accepted=10,
            archived=10,
            duplicates=0,
            retrained_version="clicks-1",
            retrained_vs_frozen=Comparison(n=3, hit_rate_10=(0.01, 0.0, 0.02)),
        ),
    )
    return report.model_copy(update=changes)


@st.composite
def logs(draw: st.DrawFn) -> list[DinerEvent]:
    """Return a log of four diners in order of time, with at least four choices."""
    kinds = draw(st.lists(st.sampled_from("co"), min_size=10, max_size=60))
    events: list[DinerEvent] = []
    for number, kind in enumerate([*kinds, "o", "o", "o", "o"]):
        common = {
            "event_id": f"e{number}",
            "user_id": f"u{draw(st.integers(0, 3))}",
            "restaurant_id": f"r{draw(st.integers(0, 5))}",
            "occurred_at": START + timedelta(minutes=number),
        }
        order = {"order_id": f"o{number}", "basket_minor": 100, "currency": "USD"}
        events.append(Click(**common) if kind == "c" else Order(**common, **order))
    return events


@given(logs())
def test_the_replayed_part_ends_with_a_choice_and_later_ones_know_only_what_came_between(
    log: list[DinerEvent],
) -> None:
    replayed, later = part(log)

    assert replayed == log[: len(replayed)]
    assert isinstance(replayed[-1], Order)
    rest = [e for e in log[len(replayed) :] if isinstance(e, Click | Order)]
    told = iter(later)
    for place, event in enumerate(rest):
        before = [e.restaurant_id for e in rest[:place] if e.user_id == event.user_id]
        if isinstance(event, Order) and before:
            one = next(told)
            assert one.choice == event.restaurant_id
            assert one.history[0] == before[-1]
            assert set(one.history) == set(before)
    assert next(told, None) is None


def test_the_wait_for_a_promoted_model_is_the_longest_one_seen() -> None:
    watch = Watch(
        samples=[Sample(at, version) for at, version in
                 [(0.5, "a"), (1.2, "a"), (1.5, "b"), (3.0, "a")]],
        flips=[(0.0, "a"), (1.0, "b"), (2.9, "a")],
    )  # fmt: skip

    assert watch.seconds_to_serving() == pytest.approx(0.5)
    assert watch.failures == []


def test_without_a_flip_there_is_no_wait_to_tell() -> None:
    assert Watch(flips=[(0.0, "a")]).seconds_to_serving() is None


def test_a_report_is_read_by_the_names_of_its_contract(tmp_path: Path) -> None:
    a_report().write(tmp_path / "report.json")

    said = json.loads((tmp_path / "report.json").read_text())
    assert set(said) >= {"schema", "data_source", "commit", "ml", "sales", "product", "loop"}
    assert said["schema"] == 1
    assert said["ml"]["models"]["blend"]["slice_new"]["n"] == 7
    assert said["loop"]["retrained_vs_frozen"]["hit_rate_10"] == [0.01, 0.0, 0.02]


def test_the_cards_say_what_is_assumed_and_what_was_not_seen() -> None:
    text = cards.markdown(a_report())

    assert cards.ASSUMED in text
    assert "| p99.9 | needs 10,000 requests |" in text
    assert "| promotion to serving | no promotion was seen |" in text
    assert "-0.33 ±0.07 USD" in text


def test_what_is_measured_on_a_made_up_city_says_so() -> None:
    assert "a synthetic city" in cards.markdown(a_report(data_source="synthetic"))


def test_the_page_escapes_names_and_stands_alone() -> None:
    page = cards.page(a_report())

    assert "&lt;b&gt;" in page
    assert not any(word in page for word in ("src=", "href=", "@import", "url("))


def test_a_failed_command_shows_the_end_of_what_it_printed(tmp_path: Path) -> None:
    with Console(file=(tmp_path / "screen").open("w")).file as screen:
        commands = Commands(Console(file=screen), tmp_path, {}, SystemClock())

        with pytest.raises(Refused, match="No such command 'dance'"):
            commands.maitred("a dance", "dance")


def test_a_browser_makes_a_picture_of_a_page(tmp_path: Path) -> None:
    chromium = screenshot.find_chromium(None)
    assert chromium is not None, "install Chromium (Debian: apt-get install chromium)"
    page = tmp_path / "page.html"
    page.write_text(cards.page(a_report()))

    assert screenshot.take(chromium, page, tmp_path / "shots" / "page.png", size=(800, 600))
    assert (tmp_path / "shots" / "page.png").read_bytes().startswith(b"\x89PNG")


def test_a_browser_that_is_none_takes_no_picture(tmp_path: Path) -> None:
    nothing = shutil.which("false")

    assert nothing is not None
    assert not screenshot.take(nothing, tmp_path / "x.html", tmp_path / "x.png", size=(10, 10))
