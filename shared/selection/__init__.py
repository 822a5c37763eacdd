"""Which models serve a request, in which order, and why. The router acts on the selection, the gateway explains it."""

from shared.selection.conditions import Conditions
from shared.selection.needs import Needs, needs_of
from shared.selection.select import Candidate, Selection, select

__all__ = ["Candidate", "Conditions", "Needs", "Selection", "needs_of", "select"]
