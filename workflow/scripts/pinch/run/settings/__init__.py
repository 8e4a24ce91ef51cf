"""The declarations of all options; `sections` combines them to a configuration."""
