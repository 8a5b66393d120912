"""What the two commands of the repository's root are made of: environment, ComfyUI server, client, pictures.

The standard library only, except in the modules that say they run inside the environment. Not part of the node pack.
"""
