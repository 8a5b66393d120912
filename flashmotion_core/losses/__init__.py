"""The losses of the three stages and what balances them: one pure function per equation. Only training imports them."""
