"""Pruning: channels removed (coarse) and weights zeroed (fine)."""
