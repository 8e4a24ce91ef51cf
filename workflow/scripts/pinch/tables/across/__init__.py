"""Two runs side by side: what differs in their conditions, models, files, times and choices."""
