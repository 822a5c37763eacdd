"""Chat about a codebase, and its history per session."""
