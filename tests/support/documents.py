"""The documentation as its tests see it: files, links, spans of code, and fenced blocks."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.repository import ROOT

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
SPAN = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True, slots=True)
class Document:
    """One page of Markdown."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def prose(self) -> str:
        """The page without its fenced blocks."""
        return FENCE.sub("", self.text)

    def links(self) -> list[str]:
        """Targets of links that stay in the repository, without their anchors."""
        targets = (found.partition("#")[0] for found in LINK.findall(self.prose))
        return [target for target in targets if target and "://" not in target]

    def spans(self) -> list[str]:
        return SPAN.findall(self.prose)

    def blocks(self, language: str) -> list[str]:
        return [body for name, body in FENCE.findall(self.text) if name == language]

    def shell_lines(self) -> list[str]:
        """Lines of shell blocks, continuations joined."""
        blocks = [*self.blocks("sh"), *self.blocks("bash")]
        joined = "\n".join(blocks).replace("\\\n", " ")
        return [line.strip() for line in joined.splitlines() if line.strip()]


@cache
def documents() -> tuple[Document, ...]:
    """Every page at the top and under docs, tracked or about to be."""
    paths = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")})
    return tuple(Document(path, path.read_text("utf-8")) for path in paths)
