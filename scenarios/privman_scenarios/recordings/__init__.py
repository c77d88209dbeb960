"""Exchanges kept in files, in the HTTP Archive format (HAR 1.2) that browsers and proxies write too."""
