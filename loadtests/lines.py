"""How little of a production system is the model: lines of code by part, counted, not claimed.

``make results`` writes the table into README.md; ``python -m loadtests.lines`` prints it.
"""

import io
import subprocess
import sys
import tokenize
from pathlib import Path

from loadtests.tables import markdown_table

__all__ = ["PARTS", "code_lines", "table"]

PARTS: dict[str, tuple[str, ...]] = {
    "the models themselves": ("training/models", "training/objectives.py"),
    "judging models: protocols, metrics, gates, trade-off": (
        "training/evaluation", "training/promotion.py", "maitred/metrics.py",
    ),
    "getting data in, checking and splitting it": ("training/dataset",),
    "the rest of training: pipeline, export, commands": ("training",),
    "serving inside 100 ms": ("services/inference", "maitred/artifact", "maitred/policy.py"),
    "events: ingest, Kafka, consumers, archive": (
        "services/ingest", "services/eventlog", "services/consumers", "maitred/archive",
        "maitred/events.py", "maitred/features.py",
    ),
    "Redis": ("maitred/store",),
    "the stack on one machine, and the demo": ("services/local",),
    "simulator and compare": ("services/simulator", "maitred/city", "maitred/client"),
    "what all share: settings, errors, web, catalogue": ("services", "maitred"),
    "load tests and benches": ("loadtests",),
    "tests": ("tests",),
}  # fmt: skip
"""Parts in the order in which they claim files: a file belongs to the first that names it."""

_NOT_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
    tokenize.ENCODING, tokenize.ENDMARKER,
}  # fmt: skip


def code_lines(source: str) -> int:
    """Return the lines that hold code: no blank ones, no comments, no docstrings."""
    lines: set[int] = set()
    previous = tokenize.NEWLINE
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        opens_statement = previous in {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
        is_docstring = token.type == tokenize.STRING and opens_statement
        if token.type not in _NOT_CODE and not is_docstring:
            lines.update(range(token.start[0], token.end[0] + 1))
        if token.type not in {tokenize.NL, tokenize.COMMENT, tokenize.ENCODING}:
            previous = token.type
        if token.type == tokenize.ENCODING:
            previous = tokenize.NEWLINE
    return len(lines)


def table(root: Path) -> str:
    """Return lines of code and their share by part, of every Python file that git tracks."""
    listing = subprocess.run(
        ["git", "ls-files", "*.py"],  # noqa: S607  # whichever git is installed
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    counts = dict.fromkeys(PARTS, 0)
    for name in listing.splitlines():
        part = next((p for p, places in PARTS.items() if _is_in(name, places)), None)
        if part is not None and (root / name).is_file():
            counts[part] += code_lines((root / name).read_text(encoding="utf-8"))
    total = sum(counts.values())
    rows = [[part, f"{n:,}", f"{n / max(total, 1):.0%}"] for part, n in counts.items()]
    return markdown_table(
        ["part", "lines of code", "share"], [*rows, ["all", f"{total:,}", "100%"]]
    )


def _is_in(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(f"{place}/") for place in places)


if __name__ == "__main__":
    sys.stdout.write(table(Path(__file__).parents[1]) + "\n")
