"""Normalization, and trainable functions in its place."""
