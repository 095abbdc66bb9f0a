"""The batch as a variable: sizes measured together, and a size predicted from others."""
