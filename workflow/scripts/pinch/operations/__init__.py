"""Planning a run, and watching its progress."""
