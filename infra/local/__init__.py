"""The real components as local processes, for machines without a container engine."""
