"""What the books say, in the terminal: summed up, listed, and while it happens."""
