"""The web page that runs bundled models in a browser: what it serves, and to whom."""
