"""The processes that train, one for each slot."""
