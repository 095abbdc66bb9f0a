"""The store of profiles: finds, merges and compares them with the wanted ones."""
