"""Adaptive activations: layers whose shape is trained."""
