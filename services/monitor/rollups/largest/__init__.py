"""Sums of which only the largest rows of each step stand by themselves, as others name them: errors and sessions."""
