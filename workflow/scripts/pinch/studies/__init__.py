"""Studies: experiments with pruning, training and measuring that are not needed to make a model."""
