"""Pictures of a page, taken by a Chromium that the machine has; no browser, no picture."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

__all__ = ["find_chromium", "take"]

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
_QUIET: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
_LIMIT_S: Final = 60


def find_chromium(configured: Path | None) -> str | None:
    """Return the browser that settings name, else the first on the PATH, else None."""
    if configured is not None:
        return str(configured)
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


def take(chromium: str, page: Path, picture: Path, *, size: tuple[int, int]) -> bool:
    """Write ``picture`` (PNG) of a local page; return whether the browser managed."""
    picture.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        command = [
            chromium,
            *_QUIET,
            f"--user-data-dir={profile}",
            f"--window-size={size[0]},{size[1]}",
            f"--screenshot={picture}",
            page.resolve().as_uri(),
        ]
        try:
            subprocess.run(  # noqa: S603  # the browser that the user named or installed
                command, capture_output=True, timeout=_LIMIT_S, check=True
            )
        except (subprocess.SubprocessError, OSError):
            return False
    return picture.is_file()
