"""Generate code: read a repository, ask for answers, make files of them, check and measure these. A library of the
worker: it knows no Kafka, no database and no HTTP; asking, telling and checking are functions that it is given."""
