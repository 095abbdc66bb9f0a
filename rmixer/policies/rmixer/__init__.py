"""RMixer's policies: a device rule, then an order of the queue."""
