"""Seals anew what is stored under an older key, while the services run. Hears and says nothing, and owns no table:
the services that own sealed columns declare them."""
