"""Feature jobs as their callers see them: accepted, watched, and their results kept."""
