"""Users, their roles, and how a request proves whose it is (platform 4)."""
