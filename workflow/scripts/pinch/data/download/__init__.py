"""HaGRID from the servers of those who made it: what there is, what it takes, and getting it."""
