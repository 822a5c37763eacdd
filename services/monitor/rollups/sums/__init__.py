"""The statements that sum the books up, and that read the sums."""
