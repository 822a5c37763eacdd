"""Lists of inferences and calls, page by page, as they come, and as files."""
