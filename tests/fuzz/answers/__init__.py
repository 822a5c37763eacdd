"""Everything that an endpoint may send, made by a grammar: `python -m tests.fuzz.answers 100000`.

grammar    answers and streams of every wire format, good ones, odd ones and broken ones, from a seed
sending    the same as bytes: how JSON and events are written, cut, mixed up and divided into reads
trying     one call of the router's own transport that is answered so, and what must hold of its outcome
"""
