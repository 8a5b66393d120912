"""What a maker sees while training: the console, the log, curves, pages, and when to stop."""
