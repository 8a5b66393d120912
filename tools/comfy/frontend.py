"""Open the real ComfyUI frontend in a Chromium driven by Playwright."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

BROWSER_ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
# Otherwise the first-run dialog covers the page, and an earlier workflow is restored over ours.
QUIET = {"Comfy.TutorialCompleted": True, "Comfy.Minimap.Visible": False, "Comfy.Workflow.Persist": False}


def set_settings(url: str, values: Mapping[str, Any]) -> None:
    """Change the user's settings on the server at `url`; a page reads them when it opens."""
    body = json.dumps({**QUIET, **values}).encode()
    request = urllib.request.Request(f"{url}/settings", body, {"Content-Type": "application/json"})
    urllib.request.urlopen(request).close()


def open_page(page: Page, url: str) -> None:
    """Open the frontend at `url` and wait until it can load a graph."""
    page.goto(url)
    page.wait_for_function("() => window.app?.canvas && window.app?.extensionManager?.workflow", timeout=120_000)
    page.wait_for_function("() => !document.querySelector('#splash-loader')", timeout=60_000)
