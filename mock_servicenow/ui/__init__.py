"""The instance's pages for people: navigator, lists and forms of every table, and the tester's cockpit."""
