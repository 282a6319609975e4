"""docs/settings.md, rendered from the settings themselves; run this module to write it anew."""

from typing import Any

from maitred.settings import PREFIX, Settings
from tests.support.repository import ROOT

PAGE = ROOT / "docs/settings.md"
REWRITE = ".venv/bin/python -m tests.support.settings_page"

HEAD = """\
# Settings

Every program reads its settings from the environment, once, when it starts; a value out of its domain is refused
with the variable's name. There is no settings file: what starts a program sets its environment. Lists are
comma-separated. The embedded stack (`maitred up`) hands its own environment on to the programs that it starts, so a
variable set there holds for all of them.

| variable | default | domain | meaning |
|---|---|---|---|
"""

FOOT = f"""
Two variables of others are looked at: `XDG_CACHE_HOME` (where downloads go by default), and
`PROMETHEUS_MULTIPROC_DIR`, which a program that serves HTTP sets for its workers.

This page is generated from `maitred/settings.py`: `{REWRITE}` writes it anew.
"""

WORDS = {"boolean": "true or false", "integer": "integer", "number": "number", "string": "text"}


def render() -> str:
    """Return the page."""
    properties = Settings.model_json_schema()["properties"]
    return HEAD + "".join(row(name, field) for name, field in properties.items()) + FOOT


def row(name: str, field: dict[str, Any]) -> str:
    default = field.get("default")
    shown = "unset" if default is None else f"`{default}`"
    meaning = field["description"].replace("<", "&lt;")
    return f"| `{PREFIX}{name.upper()}` | {shown} | {domain(field)} | {meaning} |\n"


def domain(field: dict[str, Any]) -> str:
    """Return what values a field takes, in words."""
    kinds = [kind for kind in field.get("anyOf", [field]) if kind.get("type") != "null"]
    return " or ".join(described(kind) for kind in kinds)


def described(kind: dict[str, Any]) -> str:
    if kind.get("format") == "password":
        return "text, kept secret"
    if kind.get("format") == "path":
        return "path"
    if "enum" in kind:
        return ", ".join(f"`{value}`" for value in kind["enum"])
    if "pattern" in kind:
        return f"text like `{kind['pattern']}`".replace("|", "\\|")
    bounds = [
        f"{word} {kind[key]:g}"
        for key, word in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"))
        if key in kind
    ]
    return ", ".join([WORDS[kind["type"]], *bounds])


if __name__ == "__main__":
    PAGE.write_text(render(), "utf-8")
