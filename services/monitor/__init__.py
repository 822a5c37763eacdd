"""The books. Hears: inference.attempts.v1, inference.outcomes.v1. Owns: attempts and inferences, as settled."""
