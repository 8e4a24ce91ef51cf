"""Studies: experiments that use pruning, training and measuring, and are no step of making a model."""
