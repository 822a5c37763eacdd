"""`python -m benchmarks streams`: what a stream costs on its way through Tallygate."""
