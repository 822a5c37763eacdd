"""The operator's commands. They talk HTTP to the gateway and the monitor; only `dlq` reads Kafka itself."""
