"""One suite for both brokers: what holds on a real Kafka holds on the one in memory, and the other way round."""
