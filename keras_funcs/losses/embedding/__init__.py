"""Losses that compare the embeddings of a batch."""
