-- An answer and a failure of one inference may both be stored; which one is told, the books say.
ALTER TABLE gateway.results DROP CONSTRAINT results_pkey, ADD CONSTRAINT results_pkey PRIMARY KEY USING INDEX results_by_kind;
