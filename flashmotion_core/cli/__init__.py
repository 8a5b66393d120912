"""The commands; the only files that name an option."""
