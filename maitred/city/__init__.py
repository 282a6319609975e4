"""A city whose diners' tastes are known: planted truth for synthetic data, simulators and tests.

Recommenders must never import this: what is hidden here is what they have to find out.
"""

from maitred.city.law import City, Response
from maitred.city.tastes import Tastes

__all__ = ["City", "Response", "Tastes"]
