"""The proof that nothing is lost: real processes, a seeded schedule of faults, and books that must balance after it.

Reads in this order: `faults` and `schedule` (what is done, and when), `mix` and `callers` (what is asked meanwhile),
`strike` (doing it), `evidence` (what was seen by whom), `promises` (what must hold of it).
"""
