"""Apache Kafka in KRaft mode, from its jars: one node, loopback only, durable."""
