"""Traces of PyTorch's profiler, one's own and somebody else's: from a file or from raw events to
steps, operators and lanes; and profiles imported from them."""
