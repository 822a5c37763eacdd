"""How copies for models on trial compare with the requests that they are copies of (decision 0046)."""
