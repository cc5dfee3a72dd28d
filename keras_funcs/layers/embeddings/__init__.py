"""Layers that turn the columns of a table into features."""
