"""Files of any kind: what one is, read whole and written whole."""
