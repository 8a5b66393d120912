"""What FlashMotion knows about the Wan 2.2 generator: its configuration, key names, blocks and conditioning."""
