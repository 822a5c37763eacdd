"""Caps of sessions: set, changed, shown and taken away. Who counts what sessions use is the monitor; who refuses is
whoever takes a request."""
