"""The supervisor, which drives a policy on the real clock, and its inputs."""
