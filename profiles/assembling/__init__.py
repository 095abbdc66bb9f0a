"""From the measurements of workers to a profile: operators, gaps, closure, job type."""
