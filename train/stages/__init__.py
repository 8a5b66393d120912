"""The training phases: networks and method of each, trained and saved."""
