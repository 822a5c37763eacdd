"""A request for a completion, from its bytes to its answer: admitted, let in, published once, awaited."""
