"""Networks whose features distances between sets of clips are measured in. Weights come by path as safetensors; nothing is fetched."""
