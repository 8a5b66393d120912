"""The trainer and what it stands on. Nothing here knows a loss."""
