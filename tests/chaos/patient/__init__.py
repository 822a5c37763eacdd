"""A tenant who waits for no answer: background inferences, batches, requests by Kafka, and webhooks that tell of all.

Reads in this order: `mix` (what is asked), `background`, `batches` and `publisher` (asking it, each until it is taken),
`receiver` (being told), `load` (all of it), `words` (what was seen of it), `gather` (waiting for the last words).
"""
