"""Sets of clips to measure on: readers of public layouts, checks, and our own form, which the benchmark reads."""
