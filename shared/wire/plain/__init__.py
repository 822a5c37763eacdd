"""Asked in OpenAI's form, of endpoints that speak it: bodies pass through."""
