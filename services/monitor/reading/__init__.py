"""Which sums, and which rows of the books, are read for a span of time that somebody asks about."""
