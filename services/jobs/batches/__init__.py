"""Batches: each a leased job, whose lines one worker at a time feeds in and whose results it writes down."""
