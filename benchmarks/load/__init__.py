"""The load generator: a process of its own, lean enough that it is not what is measured.

Hears: one JSON `LoadOrder` a line on standard input. Says: one JSON `LoadResult` a line on standard output.
"""
