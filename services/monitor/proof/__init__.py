"""Tamper-evident books: days that are over are sealed, and what is changed afterwards is named (decision 0034)."""
