"""`tallygate dlq`: look at what could not be read, and publish it again."""
