"""One installation's pseudonyms: its key, applied at the doors, and what was made with another one refused.

Doors are where ids come in: ingest, inference, imports, files of diners. Behind them nothing calls
this, for a pseudonym of a pseudonym is another diner.
"""

from dataclasses import dataclass, field

from maitred import ids
from maitred.errors import KeyMismatch
from maitred.settings import Settings

__all__ = ["Pseudonyms"]

_SETTING = "MAITRED_PSEUDONYM_KEY"


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """What stands for a diner; without a key, the id itself."""

    key: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> "Pseudonyms":
        """Return those of the key that settings name."""
        secret = settings.pseudonym_key
        return cls(None if secret is None else secret.get_secret_value())

    @property
    def fingerprint(self) -> str | None:
        """What data and models say of the key that their ids were made with; None: without one."""
        return ids.key_fingerprint(self.key)

    def __call__(self, user_id: str) -> str:
        """Return what stands for a diner who came in by a door; call it once."""
        return ids.pseudonym(user_id, self.key)

    def require(self, fingerprint: str | None, holder: str) -> None:
        """Refuse what was made with another key; ``holder`` names it to a person.

        Raises:
            KeyMismatch: saying which key is needed, and what else can be done.
        """
        if fingerprint == self.fingerprint:
            return
        if fingerprint is None:
            msg = f"{holder} holds diners' ids as they came, and {_SETTING} is set"
            step = f"make it again with the key (`maitred data import` applies it), or unset {_SETTING}"
        elif self.fingerprint is None:
            msg = f"{holder} holds pseudonyms of the key {fingerprint}, and {_SETTING} is not set"
            step = f"set {_SETTING} to the key with that fingerprint, or make it again without one"
        else:
            msg = f"{holder} holds pseudonyms of the key {fingerprint}, not of {self.fingerprint}"
            step = (
                f"set {_SETTING} to the key with that fingerprint, or make it again with this one"
            )
        fields = (("pseudonym_key", f"fingerprint {self.fingerprint}, not {fingerprint}"),)
        raise KeyMismatch(msg, fields=fields, next_step=step)
