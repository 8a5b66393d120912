"""The words for types of weights, and what torch calls them; the help shows them, which would take a second with torch."""

DTYPE_WORDS = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
