"""Both reports of a finished run in a real browser: all is there, nothing comes from elsewhere, also on a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import browser
from tests.browser import DESKTOP, PHONE
from tests.workflow.project import Project

pytestmark = pytest.mark.slow

FOLLOW = """
document.documentElement.style.scrollBehavior = 'auto';
return [...document.querySelectorAll('nav a')].filter(link => {
  link.closest('details')?.setAttribute('open', '');
  link.click();
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return true;
  const top = target.getBoundingClientRect().top;
  const end = scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
  return !(top >= -2 && top < innerHeight && (top < 60 || end));
}).map(link => link.href);
"""
"""Follows every link of the contents; returns those that do not show their target."""

WIDE = """
return [...document.querySelectorAll('main table, main img, main pre')].filter(each => {
  const box = each.closest('.scroll, pre');
  return !box || box.getBoundingClientRect().right > document.documentElement.clientWidth + 1;
}).length;
"""
"""Tables, pictures and listings that do not lie in a box of the page's width that scrolls on its own."""

SMALLEST = """
const sizes = [...document.querySelectorAll('main *')].filter(each => each.innerText).map(each =>
  parseFloat(getComputedStyle(each).fontSize));
return Math.min(...sizes);
"""


def test_the_report_at_a_desk_and_on_a_phone(finished: Project, tmp_path: Path) -> None:
    page = finished.root / "data/ci/report/report.html"
    assert page.read_bytes() == finished.path("report/report").read_bytes()
    with browser.opened(page, tmp_path / "profile") as driver:
        for size in (DESKTOP, PHONE):
            browser.resize(driver, size)
            assert browser.width(driver) <= size[0]
            assert driver.execute_script(WIDE) == 0
            assert driver.execute_script(SMALLEST) >= 10
            assert driver.execute_script(FOLLOW) == []
            driver.save_screenshot(str(tmp_path / f"{size[0]}.png"))
        # pictures keep a size at which their text can be read
        shown = driver.execute_script("return document.querySelector('figure img').clientWidth")
        assert shown > 700
        up = driver.find_element("css selector", ".up")
        assert up.is_displayed()
        up.click()
        assert driver.execute_script("return location.hash") == "#contents"
        names = driver.execute_script("return [...document.querySelectorAll('figure.picture')].map(each => each.id)")
        assert set(names) == {artifact.name for artifact in finished.plan() if artifact.kind == "figure"}
        assert browser.broken_images(driver) == []
        assert browser.requests(driver) == set()
        assert browser.complaints(driver, "SEVERE", "WARNING") == []
        assert driver.execute_script("return document.querySelectorAll('script').length") == 0


def click(driver: Any, text: str) -> None:
    """Choose the entry of the menu with this text, as a reader would."""
    entries = driver.find_elements("css selector", "nav li")
    next(entry for entry in entries if entry.text.strip() == text).find_element("css selector", "a, button").click()


def test_the_report_of_snakemake_shows_every_figure_with_its_caption(project: Project, tmp_path: Path) -> None:
    """Made without a network: Snakemake brings its scripts along."""
    browser.require()
    page = project.root / "report.html"
    project.snakemake("--report", page.name, "all")
    with browser.opened(page, tmp_path / "profile") as driver:
        driver.implicitly_wait(10)
        categories: dict[str, Any] = driver.execute_script("return categories")
        assert set(categories) == {"hu2022", "zhang2026", "Beyond the papers", "Tables"}
        results: dict[str, Any] = driver.execute_script("return results")
        ends = {"figure": ".png", "table": ".csv"}
        shown = [artifact for artifact in project.plan() if artifact.kind in ends]
        assert set(results) == {artifact.path(ends[artifact.kind]).as_posix() for artifact in shown}
        for path, result in results.items():
            assert "<strong>" in result["caption"], path
            assert result["labels"]["shows"], path
        for size in (DESKTOP, PHONE):
            browser.resize(driver, size)
            for category in sorted(set(categories) - {"Tables"}) if size == DESKTOP else ["zhang2026"]:
                driver.find_element("css selector", "nav li")  # the menu is there
                click(driver, category)
                views = driver.find_elements("css selector", "nav tbody tr td:last-child")
                assert len(views) == sum(map(len, categories[category].values()))
                for view in views:
                    look, tell = view.find_elements("css selector", "a, button")
                    assert tell.is_displayed()
                    driver.execute_script("arguments[0].scrollIntoView({block: 'nearest'})", look)
                    look.click()
                    picture = driver.find_element("css selector", "nav + div img")
                    loaded = "const [image, done] = arguments; image.decode().then(() => done(image.naturalWidth))"
                    assert driver.execute_async_script(loaded, picture) > 100
                    assert picture.is_displayed()
                driver.execute_script("app.setView({navbarMode: 'menu'})")
            assert browser.width(driver) <= size[0]
            driver.save_screenshot(str(tmp_path / f"{size[0]}.png"))
        click(driver, "Statistics")
        assert driver.find_element("css selector", "nav + div canvas, nav + div svg").is_displayed()
        assert browser.requests(driver) == set()
        assert browser.complaints(driver, "SEVERE") == []
