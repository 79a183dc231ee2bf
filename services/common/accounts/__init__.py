"""What an account is: its fields and settings, the providers, and how its secrets are sealed and kept."""
