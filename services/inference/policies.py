"""Named policies, such as ``home`` or ``dinner-tonight``: defaults for a request, from a TOML file.

A policy may set what its parameters may say and nothing else, so the table of parameters checks it.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from maitred.errors import UsageError
from maitred.policy import Objective
from services.inference.checks import Fault
from services.inference.parameters import PARAMETERS

__all__ = ["POLICY_HEADER", "SETTABLE", "NamedPolicy", "Policies", "PolicyReply", "load_policies"]

POLICY_HEADER = "Maitred-Policy"
"""Response header that names the policy of a reply."""

PACKAGED = Path(__file__).with_name("policies.toml")
SETTABLE = (
    "k", "objective", "revenue_weight", "radius_km", "delivers", "cuisine", "attribute",
    "price_max", "open_at", "seen", "max_per_cuisine", "explain", "explore",
)  # fmt: skip
"""The parameters that a policy may give a default."""

MOST_TEMPERATURE = 5.0
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_NEED_A_PLACE = {"radius_km", "delivers"}
_AIMS = {"objective", "revenue_weight"}


@dataclass(frozen=True, slots=True)
class NamedPolicy:
    """One policy: ``said`` is what the file says, ``means`` the same values checked."""

    name: str
    summary: str
    said: Mapping[str, Any]
    means: Mapping[str, Any]
    temperature: float | None
    """Of exploration; None: the service's."""

    def under(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return a request's own parameters, and for the others this policy's.

        Objective and revenue weight are one choice: a request that names either settles both. What
        needs a place says nothing about a request without one.
        """
        moot = _AIMS if given.keys() & _AIMS else set()
        if not {"lat", "lon"} <= given.keys():
            moot = moot | _NEED_A_PLACE
        return {name: value for name, value in self.means.items() if name not in moot} | given


class PolicyReply(BaseModel):
    """A policy, for people: its parameters as the file says them."""

    name: str
    summary: str
    parameters: dict[str, Any]
    temperature: float | None

    @classmethod
    def of(cls, policy: NamedPolicy) -> "PolicyReply":
        """Show a policy."""
        return cls(
            name=policy.name,
            summary=policy.summary,
            parameters=dict(policy.said),
            temperature=policy.temperature,
        )


Policies = Mapping[str, NamedPolicy]
"""By name, in the order of the file."""


def load_policies(path: Path | None) -> Policies:
    """Read a file of policies; None: the one that comes with the service.

    Raises:
        UsageError: if it cannot be read, or naming everything in it that means nothing.
    """
    path = path or PACKAGED
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise _refused(path, [("policies", f"cannot be read: {error}")]) from error
    faults: list[tuple[str, str]] = []
    if document.get("schema") != 1:
        faults.append(("schema", "must be 1"))
    faults += [(name, "means nothing here") for name in document.keys() - {"schema", "policy"}]
    tables = document.get("policy", {})
    if not isinstance(tables, dict):
        raise _refused(path, [*faults, ("policy", "must be tables such as [policy.home]")])
    policies = {name: _policy(name, table, faults) for name, table in tables.items()}
    if faults:
        raise _refused(path, faults)
    return policies


def _policy(name: str, table: object, faults: list[tuple[str, str]]) -> NamedPolicy:
    if not _NAME.fullmatch(name) or not isinstance(table, dict):
        faults.append(
            (name, "must be a table whose name has small letters, digits and -, up to 40")
        )
        table = {}
    said = {key: value for key, value in table.items() if key not in {"summary", "temperature"}}
    means: dict[str, Any] = {}
    for key, value in said.items():
        try:
            means[key] = _meaning(key, value)
        except Fault as fault:
            faults.append((f"{name}.{key}", str(fault)))
    if "revenue_weight" in means and means.get("objective", Objective.BALANCED) != "balanced":
        faults.append((f"{name}.revenue_weight", "only goes with objective = balanced, or none"))
    summary, temperature = table.get("summary", ""), table.get("temperature")
    if not isinstance(summary, str):
        faults.append((f"{name}.summary", "must be a text"))
    if temperature is not None and not _is_temperature(temperature):
        faults.append((f"{name}.temperature", f"must be a number from 0 to {MOST_TEMPERATURE:g}"))
    return NamedPolicy(name, str(summary), said, means, temperature)


def _meaning(key: str, value: object) -> object:
    if key not in SETTABLE:
        msg = f"cannot be set by a policy; {', '.join(SETTABLE)} and temperature can"
        raise Fault(msg)
    return PARAMETERS[key].meaning(value)


def _is_temperature(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= float(value) <= MOST_TEMPERATURE  # type: ignore[arg-type]  # checked


def _refused(path: Path, faults: list[tuple[str, str]]) -> UsageError:
    name, reason = faults[0]
    return UsageError(
        f"{path}: {name}: {reason}",
        fields=tuple(faults),
        next_step="correct the file that MAITRED_POLICIES names; docs/api.md says what it may set",
    )
