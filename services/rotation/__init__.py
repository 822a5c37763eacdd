"""Seals anew what is stored under an older key, while the services run: the command `tallygate secrets`.

Hears: no topic.
Says: no event; it tells routers and gateways of each batch of the registry, with its commit.
Owns: nothing: the owners of the tables declare their sealed places, and services/__main__.py hands them over.
"""
