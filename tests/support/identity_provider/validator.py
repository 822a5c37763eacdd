"""What the identity provider tells of people besides the standard: their groups."""

from typing import Any

from oauth2_provider.oauth2_validators import OAuth2Validator

ONLY_USERINFO = "thin"  # whose ID token has no groups


class Validator(OAuth2Validator):  # type: ignore[misc]
    oidc_claim_scope = None

    def get_additional_claims(self, request: Any) -> dict[str, Any]:
        groups = [group.name for group in request.user.groups.order_by("name")]
        return {"preferred_username": request.user.username, "groups": groups}

    def get_id_token_dictionary(self, token: Any, token_handler: Any, request: Any) -> Any:
        claims, expires_at = super().get_id_token_dictionary(token, token_handler, request)
        if request.user.username == ONLY_USERINFO:
            del claims["groups"]
        return claims, expires_at
