"""The contract with consumers: events to records and back, and the schemas that say how they look."""
