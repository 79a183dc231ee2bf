"""What the two faces for people, command and console, have in common: what they work on, read and tell."""
