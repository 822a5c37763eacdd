"""The books: what is heard of inferences and feature jobs, folded and merged."""
