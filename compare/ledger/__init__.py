"""The ledger: every number of every training step, recorded in a process of its own and compared with a derived bound."""
