"""The stages of a run, from inputs to report, and the pipeline of all."""
