"""The tester's cockpit: pages that show what two parties said, and change their clocks and faults."""
