"""Histories: the real routers, monitors and gateways through deaths, faults and odd clocks, in simulated time."""
