"""A chat in OpenAI's form, of endpoints that speak Anthropic's: translated both ways."""
