"""What people read from the books: summaries, and the timeline of one inference."""
