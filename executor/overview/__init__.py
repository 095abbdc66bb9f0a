"""A run as it looks from outside: who runs where, how far, and when it will be over."""
