"""Sums of the books by minute and day, and what is published from them: spending and the health of models."""
