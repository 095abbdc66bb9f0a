"""What one operator of a step costs, and which values are possible."""
