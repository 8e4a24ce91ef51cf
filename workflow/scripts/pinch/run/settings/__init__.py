"""The declarations of all options; `sections` says how a configuration is made of them."""
