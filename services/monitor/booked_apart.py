"""What tells copies for models on trial from the requests of callers (decision 0046)."""

from shared.events.inference import SHADOW

# Of a row of inferences or attempts. It is in every sum of them, and in what lists tell when nobody asks for a key.
NO_SHADOW = f"key_id IS DISTINCT FROM '{SHADOW}'"
