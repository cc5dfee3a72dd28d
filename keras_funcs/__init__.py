"""Losses, activations, optimizers and metrics for Keras 3, and their search."""
__version__ = "0.1.0"
