"""`python -m benchmarks batches`: a batch while everything is killed in turn, and people who ask beside one.

The model server of the tests is the batch's endpoint: it fails on demand, and its ledger is the truth about what was
paid. Evidence and promises are those of the chaos proof (`tests/chaos`).
"""
