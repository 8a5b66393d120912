"""The training phases: each builds its networks and method, trains them and saves the result."""
