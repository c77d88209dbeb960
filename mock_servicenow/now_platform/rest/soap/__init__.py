"""SOAP web services, their messages and their descriptions."""
