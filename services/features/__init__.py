"""The code-generation worker.

Hears: feature.requests.v1, feature.cancellations.v1, inference.replies.v1 (its own partition).
Says: FeatureStarted, FeatureProgressed, FeatureSettled, FeatureWorkerBeat, InferenceRequested, CancelRequested.
Owns: the schema `features`: jobs and whose they are, and what finished steps gave.
"""
