"""What Entree's three-digit feature codes mean: which are cuisines, which price bands."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from maitred.errors import UsageError

__all__ = ["Features"]

_PRICE_LEVELS: Final = {
    "below $15": 1,
    "$15-$30": 2,
    "$30-$50": 3,
    "over $50": 4,
}

_CUISINES: Final = frozenset(
    """
    Afghanistan|African|American (Contemporary)|American (New)|American (Regional)
    |American (Traditional)|American|Argentinean|Armenian|Asian|Austrian|Bakeries|Bar-B-Q|Belgian
    |Brasserie|Brazilian|Burmese|Burritos|Cajun|Californian|Cambodian|Canadian|Caribbean|Chinese
    |Coffee Houses|Coffee Shops|Coffeehouses|Continental|Creole|Cuban|Czech|Deli|Dim Sum|Diners
    |Down-Home|Down-Home Creole|Eastern European|Eclectic|Egyptian|English|Ethiopian|Fast Food
    |Filipino|Fondue|Franco-Russian|Frankfurters|French (New)|French|French Bistro|French Classic
    |French Contemporary|French Nouvelle|French-Japanese|Game|German|Greek|Grills|Guatemalan
    |Hamburgers & Beer|Hamburgers|Haute Creole|Haute New Orleans|Health Food|Hot Dogs|Hungarian
    |Indian|Indonesian|International|Irish|Italian (North & South)|Italian (North
    |Italian (Northern)|Italian (Southern)|Italian|Italian Nuova Cucina|Jamaican|Japanese|Jewish
    |Korean|Kosher|Latin|Lebanese|Lithuanian|Malaysian|Mediterranean|Mexican|Middle Eastern
    |Moroccan|Nicaraguan|Noodle Houses|Noodle Shops|Oyster Bars|Pacific New Wave|Pacific Rim
    |Pancakes|Persian|Peruvian|Pizza|Pizzerias|Po' Boys|Polish|Polynesian|Portuguese|Pub Feel
    |Puerto Rican|Romanian|Roumanian|Russian|Salvadoran|Scandinavian|Scottish|Seafood|Soul Food
    |Soulfood|South American|Southeast Asian|Southern|Southern Comfort|Southwestern|Spanish
    |Steakhouses|Sushi|Swiss|Swiss-French|Tacos|Tapas|Tex Mex|Tex-Mex|Thai|Tibetan|Tunisian|Turkish
    |Ukrainian|Ukranian|Vegetarian|Venezuelan|Vietnamese|Yugoslavian
    """.replace("\n    ", "")
    .strip()
    .split("|")
)


@dataclass(frozen=True, slots=True)
class Features:
    """The dictionary of feature codes."""

    names: Mapping[str, str]

    @classmethod
    def read(cls, file: Path) -> "Features":
        """Read ``features.txt``: code, tab, name.

        Raises:
            UsageError: if the file is not there.
        """
        try:
            lines = file.read_text(encoding="latin-1").splitlines()
        except FileNotFoundError as error:
            msg = f"{file} is missing from the Entree set"
            step = "`maitred data fetch entree` checks the files"
            raise UsageError(msg, next_step=step) from error
        pairs = (line.split("\t", 1) for line in lines if "\t" in line)
        return cls({code.strip(): name.strip() for code, name in pairs})

    def price_level(self, codes: Iterable[str]) -> int | None:
        """Return 1 (below $15) to 4 (over $50); None where no band is given."""
        levels = {_PRICE_LEVELS.get(self.names[code]) for code in codes} - {None}
        return max((level for level in levels if level), default=None)

    def cuisines(self, codes: Iterable[str]) -> tuple[str, ...]:
        """Return the names that are cuisines or kinds of kitchen, each once, sorted."""
        return tuple(sorted({self.names[c] for c in codes} & _CUISINES))

    def attributes(self, codes: Iterable[str]) -> tuple[str, ...]:
        """Return every other feature as text, each once, sorted."""
        return tuple(sorted({self.names[c] for c in codes} - _CUISINES - set(_PRICE_LEVELS)))
