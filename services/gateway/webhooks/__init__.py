"""Webhooks as tenants see them: registered, changed, tested, and what became of each delivery.

Who carries events to them is the jobs service.
"""
