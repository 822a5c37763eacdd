"""What of the gateway's tables is sealed, and as what: services.rotation reseals it."""

from shared.crypto.places import SealedPlace
from shared.events import ReplyCompleted

_MODEL = (("tenant_id", "text"), ("model_id", "text"))
_PROVIDER = (("tenant_id", "text"), ("provider", "text"))
_MESSAGE = (("tenant_id", "text"), ("session_id", "text"), ("message_id", "uuid"))

SEALED_PLACES = (
    SealedPlace("gateway.custom_models", "sealed_api_key", _MODEL, "model_api_key", in_registry=True),
    SealedPlace("gateway.custom_models", "sealed_headers", _MODEL, "model_headers", in_registry=True),
    SealedPlace("gateway.provider_keys", "sealed_api_key", _PROVIDER, "provider_api_key", in_registry=True),
    SealedPlace("gateway.chat_messages", "sealed_content", _MESSAGE, "chat/{session_id}"),
    SealedPlace(
        "gateway.results", "event", (("inference_id", "uuid"),), "reply",
        field="sealed_body", ce_type=ReplyCompleted.ce_type,
    ),
    SealedPlace("gateway.responses", "sealed_content", (("tenant_id", "text"), ("response_id", "uuid")), "response"),
    SealedPlace("gateway.background", "sealed_request", (("inference_id", "uuid"),), "background_request"),
    SealedPlace("gateway.batch_lines", "sealed_request", (("inference_id", "uuid"),), "batch_line"),
    SealedPlace("gateway.features", "sealed_result", (("feature_id", "uuid"),), "feature_result"),
    SealedPlace("gateway.webhooks", "sealed_secret", (("webhook_id", "uuid"),), "webhook"),
    SealedPlace("gateway.webhooks", "sealed_old_secret", (("webhook_id", "uuid"),), "webhook"),
    SealedPlace("gateway.files", "sealed_key", (("file_id", "uuid"),), "file_key"),
)  # fmt: skip
