"""Documents name only what exists: files, commands, flags, settings, metrics, routes."""

import ast
import re
import shlex
from fnmatch import fnmatch
from importlib import import_module
from typing import Any

import pytest
import typer
from prometheus_client import CollectorRegistry

from maitred.cli import build
from maitred.clock import SystemClock
from maitred.observability import Metrics
from maitred.settings import PREFIX, Settings
from services.inference import app as inference
from services.ingest import app as ingest
from tests.support import settings_page
from tests.support.documents import Document, documents
from tests.support.repository import ROOT

FOLDERS = "maitred|services|training|loadtests|tests|docs|requirements"
PATH = re.compile(rf"^(?:{FOLDERS})/[\w./-]*\w$")
COMMAND = re.compile(r"(?:^|[\s(`]|bin/)(?:maitred|--rm trainer) ((?:[^`$()|&;\n\"]|\$\w+)+)")
TARGET = re.compile(r"(?:^|[\s`])make ([a-z][a-z-]*)(?=[\s`.,:;]|$)")
ROUTE = re.compile(r"(/v1/[\w/{}]*\w}?)")


@pytest.fixture(params=documents(), ids=lambda document: document.name)
def document(request: pytest.FixtureRequest) -> Document:
    found: Document = request.param
    return found


def test_the_page_of_settings_is_what_the_code_says() -> None:
    rendered = settings_page.render()

    assert settings_page.PAGE.read_text("utf-8") == rendered, f"run {settings_page.REWRITE}"


def test_links_lead_somewhere(document: Document) -> None:
    missing = [link for link in document.links() if not (document.path.parent / link).exists()]

    assert missing == []


def test_paths_exist(document: Document) -> None:
    spans = [span.split("::")[0] for span in document.spans()]

    assert [span for span in spans if PATH.match(span) and not (ROOT / span).exists()] == []


def test_variables_are_settings(document: Document) -> None:
    known = {PREFIX + field.upper() for field in Settings.model_fields}
    named = set(re.findall(rf"\b{PREFIX}[A-Z][A-Z_]*\b", document.text))

    assert named <= known


def test_metrics_are_declared(document: Document) -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    known = {sample.name for family in registry.collect() for sample in family.samples}
    known |= {family.name for family in registry.collect()}
    suffixes = "total|seconds|bytes|events|records"

    named = {
        span for span in document.spans() if re.fullmatch(rf"maitred_\w+_(?:{suffixes})", span)
    }

    assert {name for name in named if name not in known | {f"{k}_total" for k in known}} == set()


def test_targets_of_make_exist(document: Document) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = re.findall(r"^\.PHONY: ([a-z%-]+)", makefile, re.MULTILINE)
    said = [span for span in document.spans() if span.startswith("make ")] + document.shell_lines()

    named = {name for text in said for name in TARGET.findall(text)}

    assert [n for n in named if not any(fnmatch(n, t.replace("%", "*")) for t in targets)] == []


def test_commands_and_flags_exist(document: Document) -> None:
    texts = [s for s in document.spans() if s.startswith("maitred ")] + document.shell_lines()

    commands = [found for text in texts for found in COMMAND.findall(text.partition(" #")[0])]

    assert [fault for command in commands if (fault := unknown_in(shlex.split(command)))] == []


@pytest.mark.parametrize("words", [["nothing"], ["data", "nothing"], ["status", "--nothing"]])
def test_what_does_not_exist_is_noticed(words: list[str]) -> None:
    assert unknown_in(words)


def test_routes_exist(document: Document, routes: set[str]) -> None:
    named = set(ROUTE.findall(document.text))

    assert {name for name in named if not any(fits(name, route) for route in routes)} == set()


def test_python_can_be_compiled_and_imports_what_exists(document: Document) -> None:
    for block in document.blocks("python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom):
                module = import_module(node.module or "")
                assert [a.name for a in node.names if not hasattr(module, a.name)] == []


def test_every_page_is_found_from_the_readme() -> None:
    by_path = {page.path.resolve(): page for page in documents()}
    found, waiting = set(), [(ROOT / "README.md").resolve()]
    while waiting:
        path = waiting.pop()
        if path in by_path and path not in found:
            found.add(path)
            targets = [(path.parent / link).resolve() for link in by_path[path].links()]
            waiting += [t / "README.md" if t.is_dir() else t for t in targets]

    lost = {page.name for path, page in by_path.items() if path not in found}
    assert lost == set(), "link them in README.md, under 'Read on'"


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    settings = Settings(state_dir=tmp_path_factory.mktemp("state"))
    apps = [module.build(settings, SystemClock()) for module in (inference, ingest)]
    return {path for app in apps for path in app.openapi()["paths"]}


def fits(named: str, route: str) -> bool:
    pattern = re.sub(r"\\?\{[^}]*\}", r"[^/]+", re.escape(route))
    return re.fullmatch(pattern, named) is not None


def unknown_in(words: list[str]) -> str | None:
    """Return a command line up to the first word that nobody knows, if there is one."""
    command: Any = typer.main.get_command(build())
    context = command.make_context("maitred", [], resilient_parsing=True)
    flags = {"--help", "-h", "--version"}
    for at, word in enumerate(words):
        if word.startswith("-"):
            if word.partition("=")[0] not in flags:
                return " ".join(words[: at + 1])
        elif hasattr(command, "commands"):
            if command.get_command(context, word) is None:
                return " ".join(words[: at + 1])
            command = command.resolve_command(context, words[at:])[1]
            flags |= {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
    return None
