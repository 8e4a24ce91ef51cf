"""Pruning: channels removed (coarse), weights zeroed (fine), and how much either costs per layer."""
