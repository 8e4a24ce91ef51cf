"""Tables gathered from records, and the choice of models."""
