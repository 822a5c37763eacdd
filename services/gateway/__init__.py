"""HTTP in.

Hears: HTTP requests; ingress topics, which the deployment names; inference.replies.v1 (its own partition),
inference.results.v1, model.health.v1, tenant.spending.v1, feature.progress.v1, feature.outcomes.v1, feature.workers.v1.
Says: InferenceRequested, CancelRequested, InferenceSettled (of what it rejects), FeatureRequested,
FeatureCancelRequested, FeatureSettled (of jobs that nobody has settled), SessionCapped; answers on topics
of upstream services.
Owns: the schema `gateway`: tenants, plans, API keys and keys of providers, custom models, chat history, idempotency
keys, stored results, background inferences, files, batches, requests by Kafka and keys for their answers, caps of
sessions, feature jobs as callers see them, and the record of changes.
"""
