"""The configuration of a run: its settings, how they are read, and the sentences that say what is wrong with them."""
