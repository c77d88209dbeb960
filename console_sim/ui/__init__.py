"""The console's pages for people, and the tester's cockpit."""
