"""Inferences that nobody waits for: accepted with an id, followed and fetched by it, whichever gateway is asked."""
