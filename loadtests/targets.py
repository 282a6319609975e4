"""What was promised, beside what was measured."""

from dataclasses import dataclass

__all__ = ["Target", "said"]


@dataclass(frozen=True, slots=True)
class Target:
    """One promise about one figure; a value of None was not measured."""

    words: str
    value: float | None
    limit: float
    unit: str = ""
    at_least: bool = False
    """Whether the limit is the least that is promised, not the most."""

    @property
    def holds(self) -> bool | None:
        """Whether the promise is kept; None: nobody knows."""
        if self.value is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def said(targets: list[Target]) -> list[str]:
    """Return a line of Markdown for each."""
    verdicts = {True: "held", False: "missed", None: "not measured"}
    return [
        f"- {target.words}: {'-' if target.value is None else f'{target.value:.4g}'}{target.unit} "
        f"({'at least' if target.at_least else 'at most'} {target.limit:g}{target.unit}): "
        f"**{verdicts[target.holds]}**"
        for target in targets
    ]
