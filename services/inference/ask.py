"""What a request asked for, once it is known to be valid."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from maitred.catalogue import Filters
from maitred.events import Traffic
from maitred.policy import Objective
from maitred.pseudonyms import Pseudonyms
from services.inference.pages import Page

__all__ = ["Ask"]


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for recommendations."""

    request_id: str
    user_id: str | None = None
    """None: anonymous."""
    k: int = 10
    objective: Objective | None = None
    revenue_weight: float | None = None
    filters: Filters = field(default_factory=Filters)
    explain: bool = False
    explore: bool = True
    traffic: Traffic = Traffic.LIVE
    history: tuple[str, ...] = ()
    """Restaurants that the client says the diner visited, most recent first."""
    local_time: datetime | None = None
    """The diner's wall clock, where the client sent it; picks the part of the day."""
    masks_seen: bool = False
    """Leave out what the diner visited, clicked or ordered before, as far as it is known."""
    max_per_cuisine: int | None = None
    page: Page | None = None
    """Which page of a list; None: the list is not paged."""
    policy: str | None = None
    """The named policy that filled in what the request left open."""
    temperature: float | None = None
    """Of exploration, where the policy says; None: the service's."""

    def behind(self, pseudonyms: Pseudonyms) -> "Ask":
        """Return the request as it goes on behind the door: its diner by pseudonym, where there are any."""
        if self.user_id is None or pseudonyms.key is None:
            return self
        return replace(self, user_id=pseudonyms(self.user_id))
