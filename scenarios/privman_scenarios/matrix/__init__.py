"""Which contract of the console, which of the app and which release of the platform can ship together."""
