"""Work whose router is gone: found, closed, handed out again or settled."""
