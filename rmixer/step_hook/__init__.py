"""The folder that goes on the path of a program whose steps are to be counted."""
