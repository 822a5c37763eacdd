"""The books: events of inferences and feature jobs, folded into rows and merged into the tables."""
