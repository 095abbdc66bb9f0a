"""The models: networks, their configurations, and their sizes."""
