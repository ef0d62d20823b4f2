"""The only code that waits, reads clocks or talks to the API."""
