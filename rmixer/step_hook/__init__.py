"""The folder that is added to the path of a program to count its steps."""
