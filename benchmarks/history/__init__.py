"""`python -m benchmarks history`: what it costs to have many inferences in the books."""
