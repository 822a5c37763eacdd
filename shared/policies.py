"""In which order models are tried when a request leaves the choice to the gateway."""

from typing import Literal, get_args

Policy = Literal["custom_first", "provider_first", "custom_only", "cheapest", "fastest"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
