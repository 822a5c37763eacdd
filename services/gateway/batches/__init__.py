"""Batches (/v1/batches): taken in, shown and cancelled; and their lines, begun and told for who feeds them."""
