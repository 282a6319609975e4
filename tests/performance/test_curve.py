"""The curve of latency against throughput, measured on a service small enough for a test."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from loadtests import curves
from loadtests.bench_curve import Effort, Grid, curve
from loadtests.curve_report import told
from maitred.clock import SystemClock
from maitred.errors import Refused
from maitred.settings import Settings
from services.inference.app import build
from tests.support.contract_server import contract_server
from tests.support.http import served
from tests.support.inference import publish
from tests.support.servers import LiveValkey

SHORT = Effort(point_s=0.3, warm_s=0.05)


@pytest.fixture
def users(tmp_path: Path) -> Path:
    file = tmp_path / "users.txt"
    file.write_text("".join(f"u{i}\n" for i in range(6)))
    return file


def test_a_curve_has_a_point_for_every_load_and_counts_every_diner(
    valkey: LiveValkey, tmp_path: Path, users: Path
) -> None:
    publish(valkey.url, tmp_path)
    settings = Settings(state_dir=tmp_path / "state", redis_url=valkey.url)
    lines: list[str] = []
    with served(build(settings, SystemClock(), outlet=lambda _key, _value: True)) as http:
        url = str(http.base_url)
        grid = Grid(connections=(1, 3), batches=(1, 16))
        curves = curve(url, users, SHORT, grid, SystemClock(), lines.append)
        counted = http.get("/metrics").text

    assert [len(points) for points in curves.values()] == [2, 2, 2]
    assert len(lines) == 6
    for point in (point for points in curves.values() for point in points):
        assert point.requests > 0
        assert point.p50_ms <= point.p99_ms
        assert point.diners_per_s > 0
    batched = sum(p.requests * p.batch for points in curves.values() for p in points)
    (line,) = [x for x in counted.splitlines() if x.startswith("maitred_batch_diners_total ")]
    assert float(line.split()[-1]) >= batched  # those of warming up too

    figures, text, picture = told(curves)

    assert "batches, 1 connection" in text
    assert figures["curves"]
    ET.fromstring(picture)  # noqa: S314  # our own


def test_a_failed_request_ends_the_curve(users: Path) -> None:
    with contract_server() as server:
        server.status = 503
        with pytest.raises(Refused, match="status 503"):
            curve(server.url, users, SHORT, Grid((1,), (1,)), SystemClock(), lambda _line: None)


def test_points_stand_where_their_numbers_say() -> None:
    line = curves.Curve("a", [(10.0, 1.0, "x"), (1000.0, 100.0, "y")])

    picture = ET.fromstring(curves.curves([line], title="t", x_unit="x", y_unit="y"))  # noqa: S314  # our own

    dots = [
        (float(c.get("cx", 0)), float(c.get("cy", 0))) for c in picture.iter() if "circle" in c.tag
    ]
    assert dots == [(56.0, 304.0), (664.0, 56.0)]  # the corners of the axes
