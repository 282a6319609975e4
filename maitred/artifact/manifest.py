"""What a model says of itself; its bytes are its identity.

No clock time inside: equal inputs give equal bytes, and so the same version.
"""

import hashlib
from typing import Annotated, Any, Literal

import orjson
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
)

from maitred.artifact.bounds import MAX_CANDIDATES
from maitred.errors import CorruptArtifact

__all__ = [
    "Check",
    "DataSource",
    "FileEntry",
    "Generator",
    "Manifest",
    "Ranker",
    "Verdict",
    "encode",
    "parse",
    "version_of",
]

GeneratorName = Literal["own_history", "neighbours", "vectors", "popular"]
FeatureName = Literal[
    "vector", "neighbours", "own_recency", "own_choices", "known", "popularity", "choices", "value"
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileEntry(_Part):
    """One ``.npy`` file of the folder."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: int
    dtype: str
    shape: list[int]
    role: Literal["model", "diners"] = "model"
    """``diners``: one row a diner, kept in Redis by diner instead of in every worker."""


class DataSource(_Part):
    """What the model was fitted on."""

    fingerprint: str
    source: str
    events: int
    diners: int
    restaurants: int
    currency: str | None
    assumed_values: bool
    """True where the worth of a choice is an assumption, not a measurement."""
    until: str | None
    """Time of the newest event, RFC 3339."""
    pseudonym_key_fingerprint: str | None = None
    """Which key made the diners' ids; None: none did. Not written then: a manifest from before
    there were any keeps its bytes, and so its version."""

    @model_serializer(mode="wrap")
    def _without_an_absent_key(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        members: dict[str, Any] = write(self)
        if self.pseudonym_key_fingerprint is None:
            del members["pseudonym_key_fingerprint"]
        return members


class Generator(_Part):
    """One source of candidates and how many it may name."""

    name: GeneratorName
    limit: Annotated[int, Field(ge=1, le=MAX_CANDIDATES)]


class Ranker(_Part):
    """A linear utility over named features: a multinomial logit of which restaurant is chosen.

    log p̂(choice) is its log-softmax over the candidates. ``weights`` are per unit of the raw
    feature, in the order of ``features``.
    """

    kind: Literal["linear"] = "linear"
    features: list[FeatureName]
    weights: list[float]


class Check(_Part):
    """One gate."""

    name: str
    value: float | None
    limit: float | None
    passed: bool
    reason: str


class Verdict(_Part):
    """What the gates said, and against which champion (None: there was none)."""

    passed: bool
    champion: str | None
    checks: list[Check]


class Manifest(_Part):
    """See contracts: model artefact."""

    schema_version: Literal[2] = 2
    """2: the catalogue as columns."""
    objective: Literal["clicks", "revenue"]
    model: str
    code: str
    """Revision of the code that fitted it."""
    data: DataSource
    parameters: dict[str, JsonValue]
    seed: int
    fitted_on: Literal["all", "train"]
    metrics: dict[str, JsonValue]
    """Measured off-line on held-out choices, by name: [value, low, high]."""
    generators: list[Generator]
    ranker: Ranker
    history_decay: Annotated[float, Field(ge=0, le=2)] = 0.0
    """How the diner's h-th most recent restaurant weighs among neighbours: h ** -decay."""
    default_weight: Annotated[float, Field(ge=0, le=1)]
    """The revenue weight that `balanced` uses, set by the trade-off rule."""
    value_statement: str
    """How value enters the ranking, so that nobody counts it twice."""
    gates: Verdict
    files: dict[str, FileEntry]

    @field_validator("generators")
    @classmethod
    def _fit_together(cls, generators: list[Generator]) -> list[Generator]:
        """None gives way to another: what each names is a candidate, whatever the others name."""
        if sum(generator.limit for generator in generators) > MAX_CANDIDATES:
            limits = " + ".join(f"{g.name} {g.limit}" for g in generators)
            msg = f"name more than {MAX_CANDIDATES} candidates together: {limits}"
            raise ValueError(msg)
        return generators


def encode(manifest: Manifest) -> bytes:
    """Return the manifest's only bytes: sorted keys, two spaces, a newline at the end."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(manifest.model_dump(mode="json"), option=options)


def version_of(manifest_bytes: bytes, objective: str) -> str:
    """Return the version: the objective and 12 hex digits of the manifest's sha256."""
    return f"{objective}-{hashlib.sha256(manifest_bytes).hexdigest()[:12]}"


def parse(raw: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        CorruptArtifact: if the bytes are not a manifest of a known schema.
    """
    try:
        return Manifest.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "manifest"
        msg = f"manifest.json cannot be read: {where}: {first['msg']}"
        raise CorruptArtifact(msg, next_step="train or publish the model again") from error
