"""The parts of the two commands at the repository's root: environment, ComfyUI server, client and pictures.

Only the standard library is used, except in modules that say they run inside the environment. The node pack does not use this package.
"""
