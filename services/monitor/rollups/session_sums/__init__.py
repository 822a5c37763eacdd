"""What sessions cost, summed up by minute, hour and day."""
