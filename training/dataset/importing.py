"""From a mapping and a folder of files to a data set: the one path for every reader."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from maitred.pseudonyms import Pseudonyms
from training.dataset.disguise import under_pseudonyms
from training.dataset.folder import Dataset, build
from training.dataset.mapping import ImportMapping
from training.dataset.quarantine import Accounts
from training.dataset.sources import entree, table

__all__ = ["Import", "import_files"]


_NONE = Pseudonyms()


@dataclass(frozen=True, slots=True)
class Import:
    """A data set and what became of every row that was read for it."""

    dataset: Dataset
    accounts: Accounts


def import_files(
    mapping: ImportMapping,
    folder: Path,
    *,
    latest: datetime,
    pseudonyms: Pseudonyms = _NONE,
    advance: Callable[[str], None] = lambda _: None,
) -> Import:
    """Read files by a mapping; events after ``latest`` are in the future and quarantined.

    Where there is a key, diners come in by pseudonym, and of rejected rows no content is kept.

    Raises:
        MappingError: if the mapping names a file or column that does not exist.
        InvalidDataset: if a file is empty, or nothing was fit to keep.
    """
    if mapping.source.reader == "entree":
        found = entree.read(folder, advance=advance)
    else:
        found = table.read(mapping, folder, latest=latest, advance=advance)
    dataset = build(
        found.events,
        found.restaurants,
        found.users,
        source=mapping.source.name or found.source,
        licence=mapping.source.licence or found.licence,
        assumption=found.assumption,
    )
    if pseudonyms.key is None:
        return Import(dataset, found.accounts)
    return Import(under_pseudonyms(dataset, pseudonyms), found.accounts.withheld())
