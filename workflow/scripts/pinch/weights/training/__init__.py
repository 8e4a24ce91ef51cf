"""Training and fine-tuning of new, trained and pruned networks."""
