"""Losses on the overlap of masks."""
