"""The models that tenants register: stored, listed, probed, set up and tried."""
