"""The operator's commands. They talk HTTP to the gateway and the monitor; only `dlq` and `topics` ask Kafka itself.

Hears: no topic; `dlq` looks at the dead letters of every topic.
Says: no event of its own; `dlq replay` puts a dead letter on its topic again, as it came.
Owns: nothing.
"""
