"""What a person types: a module for each command or group, the table of them in ``main``."""
