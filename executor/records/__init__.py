"""The records of an execution: one of each job, the memory ledger, the measured summary."""
