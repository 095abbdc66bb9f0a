"""The simulator of whole schedules: arrivals, dispatch, phases, completion."""
