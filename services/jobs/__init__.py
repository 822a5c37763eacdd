"""Work that outlives whoever caused it: events are carried to webhooks.

Hears: inference.outcomes.v1, feature.outcomes.v1, model.health.v1, tenant.spending.v1.
Says: no event.
Owns: the schema `jobs`: how far it has heard. Webhooks and their deliveries are the gateway's (shared/webhooks).
"""
