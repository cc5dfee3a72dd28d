"""Dropout, penalties on functions, reversed gradients."""
