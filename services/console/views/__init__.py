"""From answers of the gateway to what templates show: plain functions on values."""
