"""The pages that people look at.

Hears: HTTP requests; it asks the gateway over HTTP, with the key of who signed in.
Says: nothing.
Owns: nothing: no topic, no table. A session is a sealed cookie.
"""
