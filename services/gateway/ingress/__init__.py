"""Requests that upstream services publish to Kafka, and their answers on topics of their own (decision 0045).

What is taken becomes a background inference; what is not is told, and becomes a dead letter where it is at fault.
"""
