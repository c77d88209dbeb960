"""What must hold however a scenario went: nothing a fault or an odd order of events may break."""
