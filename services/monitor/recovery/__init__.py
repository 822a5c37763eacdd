"""Inferences whose router is gone: found, and then handed out again or settled."""
