"""The pages that people look at.

Hears: HTTP requests; it asks the gateway over HTTP, with the key of who signed in or of their role, and the identity
provider who somebody is.
Says: nothing.
Owns: nothing: no topic, no table. A session is a sealed cookie.
"""
