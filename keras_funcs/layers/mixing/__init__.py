"""Layers that mix channels, features or sources, and pooling."""
