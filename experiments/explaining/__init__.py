"""Why a predicted schedule takes as long as it does: what it uses, and what company costs."""
