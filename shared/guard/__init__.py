"""The guard: endpoints that tenants give lead to public addresses only, when they are saved and when they are dialled.

`ranges` says which addresses are not public and `urls` what an endpoint may look like, both without any I/O;
`resolve` asks the DNS; `connector` dials only what was checked; `guard` puts them together for one deployment.
"""

from shared.guard.guard import Guard
from shared.guard.ranges import ForbiddenAddressError
from shared.guard.settings import GuardSettings
from shared.guard.urls import Endpoint

__all__ = ["Endpoint", "ForbiddenAddressError", "Guard", "GuardSettings"]
