"""Known ways for two "same" models to differ: as bugs the ledger must catch, as hypotheses for a cause, as a guide."""
