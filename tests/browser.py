"""A real headless Chromium for tests of HTML pages: what loads, what the console says, what overflows."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

DESKTOP, PHONE = (1280, 900), (390, 844)
"""Window sizes in CSS pixels."""

_PROGRAMS = ("chromium", "chromedriver")


def require() -> None:
    """Skip the test where there is no Chromium; fail where there must be one (SEMROBUST_CI=1)."""
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        reason = f"{' and '.join(missing)} not found in PATH (Debian: apt-get install chromium chromium-driver)"
        if os.environ.get("SEMROBUST_CI") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


@contextmanager
def opened(page: Path, profile: Path) -> Iterator[Any]:
    """Yield a selenium driver that shows `page` in a desktop window; `profile` is a folder of its own."""
    require()
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    chromium, chromedriver = (str(shutil.which(name)) for name in _PROGRAMS)
    options = Options()
    options.binary_location = chromium
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
        f"--user-data-dir={profile}",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    try:
        driver.set_script_timeout(30)
        resize(driver, DESKTOP)
        driver.get(page.resolve().as_uri())
        yield driver
    finally:
        driver.quit()


def resize(driver: Any, size: tuple[int, int]) -> None:
    """Show the page in a window of this size: by device metrics, since a real window has a least width."""
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def complaints(driver: Any, *levels: str) -> list[str]:
    """What the browser's console said at these levels since the last call."""
    return [f"{line['level']}: {line['message']}" for line in driver.get_log("browser") if line["level"] in levels]


def requests(driver: Any) -> set[str]:
    """Addresses on the network that the page asked for since the last call."""
    asked = set()
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked.add(str(message["params"]["request"]["url"]))
    return {url for url in asked if url.startswith(("http:", "https:", "ws:", "wss:"))}


def broken_images(driver: Any) -> list[str]:
    """Alternative texts of images that did not load."""
    broken: list[str] = driver.execute_script(
        "return [...document.images].filter(i => !i.complete || i.naturalWidth === 0).map(i => i.alt)"
    )
    return broken


def width(driver: Any) -> int:
    """Width of the whole page in CSS pixels: more than the window's is a page that scrolls sideways."""
    return int(driver.execute_script("return document.documentElement.scrollWidth"))
