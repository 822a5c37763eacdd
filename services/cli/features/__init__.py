"""`tallygate feature`: send a repository with a wish, follow the job, write its files."""
