"""What FlashMotion knows about the Wan 2.2 generator: its configuration, its key names, its conditioning and its tiny codec."""
