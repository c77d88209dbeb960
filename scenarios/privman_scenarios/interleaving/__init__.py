"""What happens together, in every order."""
