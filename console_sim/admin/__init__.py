"""The control plane of the console: for tests, no part of the product."""
