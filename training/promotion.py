"""The gates: what must hold before a model may be served, each with its figure and its limit.

Gates run in training; the store only enforces their verdict. Metrics come from the manifest, where
the run that measured them put them; sums, shapes and parity are facts of the artefact.
"""

from pathlib import Path

from maitred.artifact import Check, Manifest, Verdict, load
from maitred.errors import CorruptArtifact

__all__ = ["TOLERATED_LOSS", "champion_check", "judge", "popularity_check", "soundness_check"]

TOLERATED_LOSS = 0.05
"""How much worse than the champion a model may measure, relative: both figures are estimates."""

_MAIN = {"clicks": "hit_rate_10", "revenue": "captured_per_diner"}


def judge(folder: Path, manifest: Manifest, champion: tuple[str, Manifest] | None) -> Verdict:
    """Return the verdict about the model in ``folder`` against the champion (version, manifest)."""
    checks = [
        soundness_check(folder),
        _parity(manifest),
        popularity_check(manifest),
        *([champion_check(manifest, champion[1])] if champion else []),
    ]
    return Verdict(
        passed=all(check.passed for check in checks),
        champion=champion[0] if champion else None,
        checks=checks,
    )


def soundness_check(folder: Path) -> Check:
    """Check sums, shapes and numbers, as a worker would before it serves the model."""
    try:
        load(folder)
    except CorruptArtifact as error:
        return Check(name="sound", value=None, limit=None, passed=False, reason=str(error))
    reason = "sums, shapes and numbers are right"
    return Check(name="sound", value=None, limit=None, passed=True, reason=reason)


def _parity(manifest: Manifest) -> Check:
    for check in manifest.gates.checks:
        if check.name == "parity":
            return check
    reason = "the artefact was never compared with the library's own scores"
    return Check(name="parity", value=None, limit=None, passed=False, reason=reason)


def popularity_check(manifest: Manifest) -> Check:
    """Check that the lead over popularity is above zero with 97.5 % confidence, paired."""
    name, metric = "beats popularity", _MAIN[manifest.objective]
    lead = _figure(manifest, "over_popularity", metric)
    if lead is None:
        reason = "nothing was measured; train with --protocol last or time"
        return Check(name=name, value=None, limit=0.0, passed=False, reason=reason)
    passed = lead[1] > 0
    verb = "leads" if passed else "does not surely lead"
    reason = f"{verb} popularity: {metric} {lead[0]:+.4f} [{lead[1]:+.4f}, {lead[2]:+.4f}]"
    return Check(name=name, value=lead[1], limit=0.0, passed=passed, reason=reason)


def champion_check(manifest: Manifest, champion: Manifest) -> Check:
    """Check that the main figure is not worse than the champion's by more than 5 %."""
    name, metric = "not worse than the champion", _MAIN[manifest.objective]
    own, other = _figure(manifest, metric), _figure(champion, metric)
    if own is None or other is None:
        reason = "the champion has no figure to compare with" if own else "nothing was measured"
        return Check(name=name, value=None, limit=None, passed=own is not None, reason=reason)
    limit = other[0] * (1.0 - TOLERATED_LOSS)
    passed = own[0] >= limit
    same = manifest.data.fingerprint == champion.data.fingerprint
    where = "" if same else ", each on its own data"
    reason = f"{metric} {own[0]:.4f} against {other[0]:.4f}{where}; at least {limit:.4f} is needed"
    return Check(name=name, value=own[0], limit=limit, passed=passed, reason=reason)


def _figure(manifest: Manifest, *path: str) -> tuple[float, float, float] | None:
    found: object = manifest.metrics.get("all")
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if not (isinstance(found, list) and len(found) == 3):  # noqa: PLR2004 - value, low, high
        return None
    value, low, high = (float(v) for v in found)
    return value, low, high
