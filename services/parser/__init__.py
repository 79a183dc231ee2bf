"""Raw messages become structured ones: ``mime`` reads them, the rest is the service around it."""
