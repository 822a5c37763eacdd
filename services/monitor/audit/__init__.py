"""`tallygate audit`: the topics held against the books."""
