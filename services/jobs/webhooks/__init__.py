"""Events, carried to where tenants want to be told of them."""
