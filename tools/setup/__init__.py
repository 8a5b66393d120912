"""The environment of the two commands: a venv, ComfyUI and its frontend, a browser, JavaScript tools."""
