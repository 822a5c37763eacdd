"""The code-generation worker. Hears FeatureRequested; says FeatureStarted, FeatureProgressed and FeatureSettled, and
asks models through the same topics as everyone. Owns the schema `features`: what finished steps gave.
"""
