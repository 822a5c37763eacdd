"""What the template generator makes in each language: a module that does nothing yet, and a skipped test of it."""
