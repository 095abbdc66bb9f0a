"""A run as one HTML page: the training, its course, and the quality of the prediction."""
