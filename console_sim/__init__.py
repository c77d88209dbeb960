"""A Privilege Manager console that runs the documented set-up and answers the decisions."""
