"""The honest tenant beside a hostile one: what one tenant's worst costs another.

It speaks HTTP only and starts the local run of any checkout, so that two versions can be held against each other.
"""
