"""What an execution keeps of its jobs: a record each, the memory ledger, the measured summary."""
