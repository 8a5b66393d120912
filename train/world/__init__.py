"""The synthetic world that the tiny models are trained and measured on, and its exact tracker; stands on flashmotion_core alone."""
