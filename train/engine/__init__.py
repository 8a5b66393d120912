"""The trainer and what it is built on. Nothing here knows a loss."""
