"""The journal of a run: it is written before the run acts, so any interrupted run can go on."""
