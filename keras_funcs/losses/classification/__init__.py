"""Losses on classes and labels."""
