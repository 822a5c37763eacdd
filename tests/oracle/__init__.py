"""Our translations held against those of another implementation, `any-llm-sdk`, over generated requests and answers.

    python -m tests.oracle [--seed 1] [--cases 2000]

It is installed into an environment of its own, as the peers of the benchmarks are, and never part of this project.
Each difference has a name; those that were judged stand in `judged.py` with the reason. A difference that was not
judged ends the run with 1.
"""
