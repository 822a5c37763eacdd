"""The books, what is read from them, and recovery of what a lost router had claimed.

Hears: HTTP requests; inference.attempts.v1, inference.outcomes.v1, router.heartbeats.v1, feature.progress.v1,
feature.outcomes.v1, and inference.requests.v1 to read a request again.
Says: ModelHealthChanged, TenantSpent; for a router that is lost AttemptEnded, InferenceSettled, ReplyFailed, and
InferenceRequested once more.
Owns: the schema `monitor`: attempts, inferences, late words, redeliveries, rollups, and feature jobs as they were
settled.
"""
