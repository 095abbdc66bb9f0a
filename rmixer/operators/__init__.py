"""The cost of one operator of a step, and checks of its values."""
