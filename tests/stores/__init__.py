"""Stores in memory are held to those that speak SQL: the same tests run on both."""
