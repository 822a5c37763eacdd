"""The code-generation worker.

Hears: feature.requests.v1, feature.cancellations.v1, inference.replies.v1 (its own partition), and routers by its lane.
Says: FeatureStarted, FeatureProgressed, FeatureSettled, FeatureWorkerBeat, InferenceRequested, CancelRequested.
Owns: the schema `features`: jobs with their leases, and the values of finished steps.
"""
