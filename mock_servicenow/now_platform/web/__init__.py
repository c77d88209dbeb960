"""The platform on a web server."""
