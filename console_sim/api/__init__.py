"""The console's API under ``/Tms/services`` (integration 4)."""
