"""OAuth 2.0 for the applications in the registry of an instance."""
