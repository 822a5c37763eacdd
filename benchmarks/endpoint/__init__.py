"""The model endpoint of the benchmarks: it answers at once, later, or as a stream, and costs next to nothing.

`deploy/model_server` has every fault on demand, and costs three times as much; of 10,000 chunks a second it would be
what is measured. Which behaviour a request gets, the model that it names decides: `behaviour.py`. What it has received
is told at `GET /ledger`.
"""
