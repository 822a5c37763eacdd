"""Which minutes are summed up by slices."""
