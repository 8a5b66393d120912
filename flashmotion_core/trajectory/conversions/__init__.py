"""A trajectory from what other nodes found, and in the forms that others read."""
