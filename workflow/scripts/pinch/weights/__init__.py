"""Checkpoints: where they come from, how they are pruned and trained."""
