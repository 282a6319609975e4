"""The report as a page: complete, self-contained, with the verdict first and the faults shaded."""

import re
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from loadtests.knee import Step, described
from loadtests.page import page
from loadtests.plots import latency_curves
from loadtests.shapes import sheet
from loadtests.timeline import timeline
from loadtests.verdicts import markdown
from tests.support.records import record_of

RECORD = record_of([{}, {"rung": "popular", "degraded": "store"}, {"failure": "late", "ms": 150.0}])
WINDOW = {"kind": "valkey-stall", "began_s": 0.5, "ended_s": 1.5, "note": "SIGSTOP <10 s>"}


@pytest.fixture
def content() -> dict[str, Any]:
    every_s, moments = timeline(RECORD)
    drawn = {"every_s": every_s, "moments": [m.row() for m in moments]}
    verdict = {"verdict": "failed", "held": ["failures 1 (at most 0)"], "checks": [
        {"name": "failures", "value": 1.0, "limit": 0.0, "bound": "at most", "passed": False},
    ]}  # fmt: skip
    faults = {"problems": [], "outside_personalised_share": 1.0,
              "during": {"valkey-stall": {"personalised_share": 0.0}}}  # fmt: skip
    steps = described([Step(100.0, record_of([{}] * 3)), Step(125.0, RECORD)])
    return {
        "command": "python -m loadtests.run <x>", "commit": "abc", "at": "2026", "verdict": "failed",
        "machine": {"cpus": 2, "processor": "any"}, "rate_per_s": 200.0, "arrivals": "poisson",
        "notes": ["a note"], "people": {"clicks": RECORD.summary()},
        "open_loop": {
            "clicks with faults": RECORD.summary() | verdict | {"faults": faults},
            "clicks steps": RECORD.summary() | verdict | steps,
        },
        "timelines": {
            "clicks with faults": drawn | {"windows": [WINDOW]},
            "clicks steps": drawn | {"windows": []},
        },
    }  # fmt: skip


def test_the_page_asks_nobody_for_anything(content: dict[str, Any]) -> None:
    html = page(content, latency_curves({"a": np.array([1.0, 2.0])}, title="L", limit_ms=100.0))

    asked = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", html)
    assert asked == []
    assert "<script" not in html
    assert set(re.findall(r"https?://[^\s\"<]+", html)) == {"http://www.w3.org/2000/svg"}
    assert 'name="viewport"' in html
    assert "prefers-color-scheme: dark" in html


def test_the_verdict_comes_first_and_every_run_is_there(content: dict[str, Any]) -> None:
    html = page(content, "<svg/>")
    body = html[html.index("<main>") :]

    assert body.index('verdict failed">failed') < body.index("<table>")
    assert "clicks with faults" in body
    assert "The knee is 100 requests per second." in body
    assert "SIGSTOP &lt;10 s&gt;" in body
    assert "python -m loadtests.run &lt;x&gt;" in body


def test_every_drawing_is_well_formed_and_the_fault_is_shaded_where_it_was(
    content: dict[str, Any],
) -> None:
    html = page(content, latency_curves({"a": np.array([1.0, 2.0])}, title="L", limit_ms=100.0))

    drawings = [ET.fromstring(text) for text in re.findall(r"<svg.*?</svg>", html, re.DOTALL)]  # noqa: S314

    assert len(drawings) == 1 + 3 + 4
    rungs = drawings[1]
    tips = {
        rect.findtext("{*}title"): (float(rect.get("x", "0")), float(rect.get("width", "0")))
        for rect in rungs.iter("{http://www.w3.org/2000/svg}rect")
        if rect.find("{*}title") is not None
    }
    left, width = tips["valkey-stall: SIGSTOP <10 s>"]
    # Three seconds wide: half a second after the left edge, a third of the width long.
    assert left == pytest.approx(56 + (720 - 72) * 0.5 / 3, abs=0.2)
    assert width == pytest.approx((720 - 72) / 3, abs=0.2)
    assert {"0 s: 1 personalised", "1 s: 1 popular", "2 s: 1 failed"} <= set(tips)


def test_drawings_on_a_sheet_stand_below_each_other() -> None:
    one = latency_curves({"a": np.array([1.0, 2.0])}, title="A", limit_ms=100.0)

    drawn = ET.fromstring(sheet([one, one]))  # noqa: S314

    assert [part.get("y") for part in drawn] == ["0", "360"]
    assert drawn.get("viewBox") == "0 0 720 720"


def test_the_words_say_the_same(content: dict[str, Any]) -> None:
    text = markdown(content)

    assert text.index("Verdict: **failed**") < text.index("| run")
    assert "clicks with faults: **failed**: failures 1 (at most 0)" in text
    assert "personalised 1.0 outside faults + 2 s; inside: valkey-stall 0.0" in text
    assert "the knee is 100 requests per second" in text
