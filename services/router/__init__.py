"""Hears: inference.requests.v1. Says: AttemptStarted, AttemptEnded, InferenceSettled, and the reply.
Owns nothing that it cannot lose."""
