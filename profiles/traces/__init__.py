"""Traces of PyTorch's profiler, our own or others': from a file or raw events to steps, operators
and lanes; and profiles imported from them."""
