"""Training and fine-tuning: of networks from scratch, trained ones and pruned ones."""
