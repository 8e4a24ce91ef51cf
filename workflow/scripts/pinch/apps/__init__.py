"""Applications that run a detector for a person."""
