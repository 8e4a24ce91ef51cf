"""Checkpoints, their sources, pruning and training."""
