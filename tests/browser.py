"""A real headless Chromium for tests of HTML pages: what loads, what the console says, what overflows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM, DRIVER = "chromium", "chromedriver"

DESKTOP, PHONE = (1280, 900), (390, 844)
"""Window sizes in CSS pixels."""


def require() -> None:
    """Skip the test where there is no Chromium; fail where there must be one (SEMROBUST_CI=1)."""
    missing = [name for name in (CHROMIUM, DRIVER) if shutil.which(name) is None]
    if missing:
        reason = f"{' and '.join(missing)} not found in PATH (Debian: apt-get install chromium chromium-driver)"
        if os.environ.get("SEMROBUST_CI") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


@contextmanager
def opened(page: Path, size: tuple[int, int], profile: Path) -> Iterator[Any]:
    """Yield a selenium driver that shows `page` in a window of this size; `profile` is a folder of its own.

    The size is set by device metrics: a real window is at least 500 pixels wide.
    """
    require()
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = str(shutil.which(CHROMIUM))
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
        f"--user-data-dir={profile}",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(shutil.which(DRIVER))))
    try:
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        driver.get(page.resolve().as_uri())
        yield driver
    finally:
        driver.quit()


def complaints(driver: Any) -> list[str]:
    """Errors and warnings in the browser's console since the last call."""
    return [
        f"{line['level']}: {line['message']}"
        for line in driver.get_log("browser")
        if line["level"] in ("SEVERE", "WARNING")
    ]


def requests(driver: Any) -> set[str]:
    """Addresses on the network that the page asked for since the last call."""
    import json

    asked = set()
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked.add(str(message["params"]["request"]["url"]).split(",")[0][:200])
    return {url for url in asked if url.startswith(("http:", "https:", "ws:", "wss:"))}


def broken_images(driver: Any) -> list[str]:
    """Alternative texts of images that did not load."""
    broken: list[str] = driver.execute_script(
        "return [...document.images].filter(i => !i.complete || i.naturalWidth === 0).map(i => i.alt)"
    )
    return broken


def overflow(driver: Any) -> int:
    """By how many pixels the page is wider than its window."""
    return int(driver.execute_script("return document.documentElement.scrollWidth - window.innerWidth"))
