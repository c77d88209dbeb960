"""What may go wrong with a user's file or a name.

ContractError
└── InferredNamesError   a file of names that cannot be used, or a name that is not in it
"""


class ContractError(Exception):
    """A contract cannot be used as asked; the message is one line for people."""


class InferredNamesError(ContractError):
    """A file of wire names is unusable, or a name was asked for that is not in it."""
