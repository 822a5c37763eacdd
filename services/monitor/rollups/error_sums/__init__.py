"""The sums of errors: how often each was met, when first and last, and by whom."""
