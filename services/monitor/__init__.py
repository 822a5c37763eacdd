"""The books, what is read from them, and recovery of what a lost router had claimed.

Hears: HTTP requests; inference.requests.v1, inference.bulk.v1, inference.attempts.v1, inference.outcomes.v1,
router.heartbeats.v1, feature.progress.v1, feature.outcomes.v1, books.seals.v1.
Says: ModelHealthChanged, TenantSpent, SessionSpent, DaySealed; for what a router has lost or nobody finishes
AttemptEnded, InferenceSettled, ReplyFailed, and InferenceRequested once more; InferenceRequested to probe a model.
Owns: the schema `monitor`: attempts, inferences, late words and feature jobs as they were settled, in days;
redeliveries, the leases of recovery and of sealing, the sums of all these, how models were, and their probes; the seals
of days.
"""
