"""The commands, a module or a function each: ``add`` adds its options, ``execute`` runs it."""
