"""What ``maitred models`` does: the shelf of published models in Redis, judged and promoted."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import JsonValue
from rich.table import Table as Grid

from maitred.artifact import Check, Manifest, Verdict, read_manifest
from maitred.erasure import erasure_key
from maitred.errors import CorruptArtifact, UsageError
from maitred.store import models
from maitred.store.client import Redis, connect
from training import promotion
from training.dataset.deps import Dependencies, dependencies, redis_url

__all__ = ["describe", "gate", "promote", "publish", "rollback", "show_all"]

_TIMEOUT_S = 30.0


@contextmanager
def _opened() -> Iterator[tuple[Dependencies, Redis]]:
    deps = dependencies()
    with connect(redis_url(deps.settings), timeout_s=_TIMEOUT_S) as redis:
        yield deps, redis


def show_all(*, as_json: bool) -> None:
    """Print what is published and what is served."""
    with _opened() as (deps, redis):
        current = models.current(redis)
        rows = [_row(redis, version, current) for version in models.versions(redis)]
        if as_json:
            served: dict[str, JsonValue] = {"clicks": current.clicks, "revenue": current.revenue}
            body = {"schema": 1, "current": served, "models": rows}
            deps.out.print(json.dumps(body, indent=2), markup=False)
            return
        grid = Grid(box=None, pad_edge=False)
        for heading in ("version", "model", "HR@10", "captured", "gates", "served"):
            grid.add_column(heading)
        for row in rows:
            cells = ("version", "model", "hit_rate_10", "captured_per_diner", "gates", "served")
            grid.add_row(*("" if row[cell] is None else str(row[cell]) for cell in cells))
        deps.out.print(grid)


def _row(redis: Redis, version: str, current: models.Current) -> dict[str, JsonValue]:
    manifest, verdict = models.manifest(redis, version), models.verdict(redis, version)
    served = version in {current.clicks, current.revenue}
    back = version in {current.previous_clicks, current.previous_revenue}
    return {
        "version": version,
        "model": manifest.model,
        "hit_rate_10": _first(manifest, "hit_rate_10"),
        "captured_per_diner": _first(manifest, "captured_per_diner"),
        "gates": None if verdict is None else "passed" if verdict.passed else "refused",
        "served": "now" if served else "before" if back else None,
    }


def _first(manifest: Manifest, metric: str) -> float | None:
    whole = manifest.metrics.get("all")
    figure = whole.get(metric) if isinstance(whole, dict) else None
    return round(float(str(figure[0])), 4) if isinstance(figure, list) and figure else None


def describe(version: str) -> dict[str, JsonValue]:
    """Return a version's manifest and newest verdict."""
    with _opened() as (_, redis):
        verdict = models.verdict(redis, version)
        return {
            "version": version,
            "manifest": models.manifest(redis, version).model_dump(mode="json"),
            "gates": verdict.model_dump(mode="json") if verdict else None,
        }


def publish(run: Path) -> None:
    """Judge a run's model against what is served and write it to Redis.

    Raises:
        UsageError: if there is no such folder.
        CorruptArtifact: if the model would not load.
    """
    if not run.is_dir():
        msg = f"there is no run folder at {run}"
        raise UsageError(msg, next_step="make one with `maitred train`")
    folder = run / "model" if (run / "model").is_dir() else run
    manifest = read_manifest(folder)[1]
    with _opened() as (deps, redis):
        verdict = promotion.judge(folder, manifest, _champion(redis, manifest.objective))
        key = erasure_key(deps.settings)
        version = models.publish(redis, folder, verdict, erasure_key=key)
        deps.out.print(f"published {version}", markup=False)
        _show_verdict(deps, version, verdict)


def gate(version: str) -> None:
    """Judge a published version against the model that is served now, and record the verdict."""
    with _opened() as (deps, redis):
        manifest = models.manifest(redis, version)
        champion = _champion(redis, manifest.objective)
        if champion is not None and champion[0] == version:
            deps.out.print(f"{version} is served now: it has no other champion", markup=False)
            champion = None
        verdict = _judged(redis, version, manifest, champion)
        models.record_verdict(redis, version, verdict)
        _show_verdict(deps, version, verdict)


def _judged(
    redis: Redis, version: str, manifest: Manifest, champion: tuple[str, Manifest] | None
) -> Verdict:
    with TemporaryDirectory(prefix="maitred-gate-") as home:
        try:
            models.download(redis, version, Path(home))
        except CorruptArtifact as error:
            check = Check(name="sound", value=None, limit=None, passed=False, reason=str(error))
            name = champion[0] if champion else None
            return Verdict(passed=False, champion=name, checks=[check])
        return promotion.judge(Path(home), manifest, champion)


def _champion(redis: Redis, objective: str) -> tuple[str, Manifest] | None:
    version = models.current(redis).version(objective)
    return None if version is None else (version, models.manifest(redis, version))


def _show_verdict(deps: Dependencies, version: str, verdict: Verdict) -> None:
    for check in verdict.checks:
        mark = "passed" if check.passed else "REFUSED"
        deps.out.print(f"  {mark}  {check.name}: {check.reason}", markup=False)
    if verdict.passed:
        deps.out.print(f"next: maitred models promote {version}", markup=False)
    else:
        deps.out.print(f"the gates refuse {version}", markup=False)


def promote(version: str) -> None:
    """Serve a version from now on."""
    with _opened() as (deps, redis):
        models.promote(redis, version)
        deps.out.print(f"{version} is served from now on", markup=False)


def rollback(objective: str | None) -> None:
    """Serve the version before the last promotion again."""
    with _opened() as (deps, redis):
        current = models.rollback(redis, objective)
        served = current.version(current.changed or "clicks")
        deps.out.print(f"{served} is served again", markup=False)
