"""Percentiles, published reports and counted lines."""

from pathlib import Path

import numpy as np
import pytest

from loadtests.lines import PARTS, code_lines, table
from loadtests.results import between, digest, publish
from maitred.client.waits import Percentiles
from maitred.errors import UsageError
from tests.support.repository import ROOT, tracked_files


def test_percentiles_are_exact_and_p999_waits_for_ten_thousand() -> None:
    few = Percentiles.of(np.arange(1.0, 101.0))
    many = Percentiles.of(np.arange(1.0, 10_001.0))

    assert (few.p50_ms, few.p95_ms, few.p99_ms, few.p999_ms, few.max_ms) == (50, 95, 99, None, 100)
    assert (many.p99_ms, many.p999_ms) == (9900, 9990)


def test_only_what_stands_between_the_markers_changes() -> None:
    text = "before\n<!-- load:begin -->\nold\n<!-- load:end -->\nafter\n"

    assert between(text, "load", "new") == (
        "before\n<!-- load:begin -->\n\nnew\n\n<!-- load:end -->\nafter\n"
    )
    with pytest.raises(UsageError):
        between(text, "bench", "new")


def test_results_publish_the_reports_that_exist_with_their_plots(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    document = tmp_path / "docs" / "results.md"
    document.write_text(
        "# Results\n<!-- load:begin -->\n<!-- load:end -->\n"
        "<!-- quality:begin -->\nkept\n<!-- quality:end -->\n",
        encoding="utf-8",
    )
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "load.md").write_text("# Load\n\nfast\n", encoding="utf-8")
    (reports / "load.svg").write_text("<svg/>", encoding="utf-8")

    published = publish(tmp_path, reports)

    assert published == ["load"]
    text = document.read_text(encoding="utf-8")
    assert "fast\n\n![load](results/load.svg)" in text
    assert "kept" in text
    assert (tmp_path / "docs" / "results" / "load.svg").is_file()


def test_the_readme_gets_the_first_table_of_each_report_and_how_it_was_made(tmp_path: Path) -> None:
    (tmp_path / "load.md").write_text(
        "# Load\n\n| run |\n| --- |\n| a |\n\nmore\n\n| other |\n\n`python` at abc\n",
        encoding="utf-8",
    )

    text = digest(tmp_path / "load.md")

    assert text is not None
    assert text.startswith("| run |\n| --- |\n| a |\n\n`python` at abc")
    assert "other" not in text
    assert digest(tmp_path / "nothing.md") is None  # then the README keeps what it has


def test_the_readme_says_when_a_run_was_void_or_failed(tmp_path: Path) -> None:
    (tmp_path / "load.md").write_text(
        "# Load\n\nVerdict: **void**.\n\n| run |\n| --- |\n| a |\n\n- a: **void**: p99.9 ms 120\n\n"
        "| fault |\n| --- |\n| swap |\n\n`python` at abc\n",
        encoding="utf-8",
    )

    text = digest(tmp_path / "load.md") or ""

    assert text.startswith("Verdict: **void**.\n\n- a: **void**: p99.9 ms 120\n\n| run |")
    assert text.endswith("`python` at abc")


def test_lines_of_code_leave_out_comments_docstrings_and_blanks() -> None:
    source = '''"""Why."""

import os  # a comment

# another
def f(
    x: int,
) -> str:
    """Docstring
    of two lines.
    """
    return """text
    of two lines"""
'''

    assert code_lines(source) == 6


def test_every_python_file_of_the_repository_is_counted_in_one_part() -> None:
    files = [f for f in tracked_files() if f.suffix == ".py"]
    lines = {f.relative_to(ROOT).as_posix(): code_lines(f.read_text("utf-8")) for f in files}

    counted = {row[0]: int(row[1].replace(",", "")) for row in rows_of(table(ROOT))}

    assert [name for name in lines if not any(claims(part, name) for part in PARTS)] == []
    assert list(counted) == [*PARTS, "all"]
    assert {part: counted[part] for part in PARTS} == {
        part: sum(n for name, n in lines.items() if first_part(name) == part) for part in PARTS
    }
    assert counted["all"] == sum(lines.values())


def rows_of(markdown: str) -> list[list[str]]:
    """The cells of a table's rows, without its head."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in markdown.splitlines()[2:]]


def claims(part: str, name: str) -> bool:
    return any(f"{name}/".startswith(f"{place}/") for place in PARTS[part])


def first_part(name: str) -> str | None:
    return next((part for part in PARTS if claims(part, name)), None)
