"""How events travel: publish, subscribe, follow, commit, dead letters. Only this package knows Kafka."""
