"""What training minimises, and the classifier that two of the losses ask. One pure function per equation. Only training imports them."""
