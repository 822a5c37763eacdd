"""The proof that nothing is lost: real processes, a seeded schedule of faults, and books that must balance after it.

Reads in this order: `faults` and `schedule` (what is done, and when), `mix`, `hostile` and `upstream_records` (what is
asked meanwhile), `load` and `callers` (asking it), `patient` (asking without waiting), `strike` (doing it), `evidence`
(what was seen by whom), `promises` (what must hold of it).
"""
