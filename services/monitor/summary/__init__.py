"""What people read of the books: summaries, and the timeline of one inference."""
