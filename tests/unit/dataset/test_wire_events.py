"""A data set's newest events as a log that can be replayed."""

from pathlib import Path

from maitred.events import Click, Order, Traffic, decode
from tests.support.datasets import run_data, small_dataset
from training.dataset import save


def test_what_time_holds_back_is_written_as_the_wire_has_it(tmp_path: Path) -> None:
    dataset = small_dataset(
        [
            {"type": "click"},
            {"type": "order"},
            {"type": "seen", "value_minor": None},
            {"type": "click", "value_minor": None, "request_id": "s1"},
            {"type": "order", "value_minor": 2250, "request_id": "s1"},
        ]
    )
    save(dataset, tmp_path / "all")

    ran = run_data("events", tmp_path / "all", "--share", "0.6", "--out", tmp_path / "log.jsonl")

    assert ran.exit_code == 0
    assert "2 of 3 events" in ran.out
    click, order = (decode(line) for line in (tmp_path / "log.jsonl").read_bytes().splitlines())
    assert isinstance(click, Click)
    assert isinstance(order, Order)
    assert {click.traffic, order.traffic} == {Traffic.REPLAY}
    assert (click.request_id, order.request_id) == ("s1", "s1")
    assert (order.basket_minor, order.platform_revenue_minor) == (2250, 2250)


def test_a_cut_without_anything_after_it_writes_an_empty_log(tmp_path: Path) -> None:
    save(small_dataset([{}, {}]), tmp_path / "all")

    ran = run_data("events", tmp_path / "all", "--cut", "2030-01-01", "--out", tmp_path / "log")

    assert ran.exit_code == 0
    assert (tmp_path / "log").read_bytes() == b""
