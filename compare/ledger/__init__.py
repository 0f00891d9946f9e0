"""The ledger: every number of every step, recorded in a process of its own, compared with a derived bound."""
