"""OpenAI's Responses: asked as a chat of any model, told as a response, and kept sealed when the caller wants it."""
