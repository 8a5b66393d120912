"""HTML pages and contact sheets, for training and for the benchmark."""
