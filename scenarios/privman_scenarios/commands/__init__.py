"""The sub-commands, a module each: ``add`` tells the parser of it, ``execute`` runs it and returns the exit code."""
