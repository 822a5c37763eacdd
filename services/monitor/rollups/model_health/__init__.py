"""How models are: what their calls of the last minutes show, and what was said of them."""
