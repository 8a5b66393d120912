"""The losses of the three stages and their balance, one pure function per equation. Only training imports them."""
