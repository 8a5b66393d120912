"""The example workflows: their graphs and notes, and the pages that their pictures are taken of."""
