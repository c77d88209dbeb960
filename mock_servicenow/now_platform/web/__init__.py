"""The platform on a web server (platform 1.9, 5)."""
