"""Tables: gathered from records, and what is chosen by them."""
