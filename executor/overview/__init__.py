"""A run seen from outside: the place and progress of each job, and when it will end."""
