"""OAuth 2.0 as an instance offers it to the applications in its registry (platform 4.3, 4.4)."""
