"""Who calls: API keys, what they may do, and for which tenant."""

from shared.access.authenticator import Authenticator
from shared.access.caller import SCOPES, Caller, Scope
from shared.access.keys import ApiKey, hash_key, new_api_key

__all__ = ["SCOPES", "ApiKey", "Authenticator", "Caller", "Scope", "hash_key", "new_api_key"]
