"""Work that outlives whoever caused it: events are carried to webhooks, and the lines of batches fed in.

Hears: inference.outcomes.v1, feature.outcomes.v1, model.health.v1, tenant.spending.v1.
Says: CancelRequested (for lines of a batch that ends early).
Owns: the schema `jobs`: how far it has heard. Webhooks and their deliveries, batches and files are
the gateway's (shared/webhooks, shared/batches, shared/files).
"""
