"""OAuth2: how access is granted, kept and renewed."""
