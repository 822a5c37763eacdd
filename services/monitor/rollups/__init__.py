"""Sums by minute and day, and what is said from them: spending, and how models are."""
