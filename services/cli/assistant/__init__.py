"""`tallygate mcp`: what the books say, as tools for an assistant. Nothing in here changes anything."""
