"""What a maker sees of training: the console, the log, curves and pages, and when training stops by itself."""
