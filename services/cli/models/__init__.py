"""`tallygate models`: add, try, list, choose, and models in a file."""
