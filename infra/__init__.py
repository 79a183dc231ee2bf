"""What the services run on, and what ``make`` calls."""
