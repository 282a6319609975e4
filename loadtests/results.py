"""``make results``: the newest reports, copied between markers of tracked documents.

Nothing else touches a tracked file, so a figure changes only when somebody means it to. In
docs/results.md each report has its marker; the count of lines goes into README.md.
"""

import re
import shutil
import sys
from pathlib import Path

from loadtests import lines
from loadtests.reports import REPORTS
from maitred.cli import reporting
from maitred.errors import UsageError

__all__ = ["between", "digest", "main", "publish"]

_DIGEST = ("quality", "load", "bench-serve", "bench-scale", "bench-train")
_TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
_VERDICT = re.compile(r"^(?:Verdict|- ).*\*\*\w+\*\*.*$", re.MULTILINE)
_NAMES = re.compile(r"<!-- ([a-z][a-z0-9-]*):begin -->")


def between(text: str, name: str, content: str) -> str:
    """Return the text with what stands between the markers of ``name`` replaced.

    Raises:
        UsageError: if the pair of markers is not there exactly once.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        msg = f"there must be one pair of markers {begin} … {end}"
        raise UsageError(msg, next_step="put both lines back where the report belongs")
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(end)
    return f"{head}{begin}\n\n{content.strip()}\n\n{end}{tail}"


def publish(root: Path, reports: Path) -> list[str]:
    """Copy every report whose marker is in docs/results.md, plots beside it; return their names.

    A report that was not made on this machine leaves its place as it was.
    """
    document = root / "docs" / "results.md"
    text = document.read_text(encoding="utf-8")
    published = []
    for name in _NAMES.findall(text):
        markdown = reports / f"{name}.md"
        if not markdown.is_file():
            continue
        body = re.sub(r"^# .*\n", "", markdown.read_text(encoding="utf-8"), count=1)
        plot = markdown.with_suffix(".svg")
        if plot.is_file():
            (root / "docs" / "results").mkdir(exist_ok=True)
            shutil.copyfile(plot, root / "docs" / "results" / plot.name)
            body = f"{body.strip()}\n\n![{name}](results/{plot.name})"
        text = between(text, name, body)
        published.append(name)
    document.write_text(text, encoding="utf-8")
    return published


def digest(report: Path) -> str | None:
    """Return a report's verdicts, first table and footnote; None if it was not made here.

    Verdicts are the lines with a word in bold; the words behind the last table say what a reader
    must know and how it was measured.
    """
    text = report.read_text(encoding="utf-8") if report.is_file() else ""
    found = list(_TABLE.finditer(text))
    if not found:
        return None
    last = text[found[-1].end() :].strip()
    verdicts = [line for line in _VERDICT.findall(text) if line not in last]
    return "\n\n".join([*verdicts, found[0][0].strip(), last])


def main() -> int:
    """Publish; say what was and what was not there."""
    root = Path(__file__).parents[1]
    published = publish(root, REPORTS)
    readme = root / "README.md"
    text = readme.read_text(encoding="utf-8")
    text = between(text, "lines", lines.table(root))
    for name in _DIGEST:
        if (measured := digest(REPORTS / f"{name}.md")) is not None:
            text = between(text, f"results-{name}", measured)
    readme.write_text(text, encoding="utf-8")
    named = ", ".join(published) or "none: make load, make bench and make quality write them"
    sys.stdout.write(f"docs/results.md: {named}\nREADME.md: its tables, and lines by part\n")
    return 0


if __name__ == "__main__":
    with reporting():
        sys.exit(main())
