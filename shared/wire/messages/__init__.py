"""Messages in Anthropic's form, of both kinds of endpoints: natively, and translated to a chat."""
