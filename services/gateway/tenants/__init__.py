"""Tenants: their keys, plans and terms, and the record of who changed what."""
