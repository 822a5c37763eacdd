"""HTTP in. Hears: HTTP requests, inference.replies.v1, inference.results.v1. Says: InferenceRequested,
CancelRequested, InferenceSettled (rejected).
Owns: tenants, API keys, the model registry, chat history, idempotency keys, stored results."""
