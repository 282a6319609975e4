"""Finds patching in test code: what reaches into a module instead of passing the thing in."""

import ast
import re
from collections.abc import Iterator

PATCHING = re.compile(
    r"(unittest\.mock|mock|pytest_mock)(\..+)?|mocker|monkeypatch\..+|pytest\.MonkeyPatch"
)
ENVIRONMENT = {"monkeypatch.delenv", "monkeypatch.setenv", "pytest.MonkeyPatch"}


def patches(source: str, *, settings_test: bool = False) -> list[str]:
    """Name every use of a mock library and of monkeypatch, as `line: what`.

    Tests of the settings, and only they, may set environment variables.
    """
    allowed = ENVIRONMENT if settings_test else set()
    return [
        f"{line}: {name}"
        for line, name in _names(ast.parse(source))
        if PATCHING.fullmatch(name) and name not in allowed
    ]


def _names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                yield from ((node.lineno, alias.name) for alias in aliases)
            case ast.ImportFrom(module=module, names=aliases):
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in aliases)
            case ast.Attribute():
                yield node.lineno, ast.unparse(node)
            case ast.arg():
                yield node.lineno, node.arg
