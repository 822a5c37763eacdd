"""How long the books are kept: partitions of days, made ahead, and dropped when they are old."""
