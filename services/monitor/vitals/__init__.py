"""What `/metrics` asks when somebody scrapes it: how far the books are behind, what is open in them, their size."""
