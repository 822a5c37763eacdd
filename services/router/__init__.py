"""Selects models, claims requests, calls, retries, falls back and settles.

Hears: inference.requests.v1, inference.bulk.v1, inference.cancellations.v1, model.health.v1, tenant.spending.v1.
Says: AttemptStarted, InferenceHeld, AttemptEnded, InferenceSettled, ReplyCompleted, ReplyFailed, RouterHeartbeat.
Owns: the schema `router`: the places of models that each router has, which it can lose.
"""
