"""The REST APIs under ``/api/now``, independent of the web server."""
