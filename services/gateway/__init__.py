"""HTTP in. Hears: HTTP requests, inference.replies.v1. Says: InferenceRequested.
Owns: tenants, API keys, the model registry, chat history."""
