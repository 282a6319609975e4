"""The repository as the architecture tests see it: what git tracks, nothing that was built."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOT_PACKAGES = ("maitred", "services", "training")


@cache
def tracked_files() -> tuple[Path, ...]:
    """Every file that git tracks and that is still there, sorted."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    paths = (ROOT / name for name in listing.split("\0") if name)
    return tuple(sorted(path for path in paths if path.is_file()))


def tracked_texts() -> list[tuple[str, str]]:
    """(path relative to the root, text) of every tracked file that is UTF-8."""
    texts = []
    for path in tracked_files():
        try:
            texts.append((path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return texts


def python_files(*folders: str) -> list[Path]:
    """Every Python file under the folders, tracked or about to be."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
