"""The folder of a run: which phases are done, what they made, and the encoded clips."""
