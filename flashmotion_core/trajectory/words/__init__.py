"""What objects do, in words: keyframes become motions, and motions a sentence for the prompt."""
