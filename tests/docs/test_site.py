"""The site builds without a warning, and needs nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.conftest import ROOT
from tests.docs.pages import DOCS, PAGES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `make docs` builds it, into another folder."""
    folder = tmp_path_factory.mktemp("site")
    html = folder / "html"
    options = ["-q", "-n", "-W", "--keep-going", "-b", "html", "-d", str(folder / "doctrees")]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(DOCS), str(html)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return html


def test_every_page_is_built_and_finds_its_files(site: Path) -> None:
    for page in PAGES:
        built = site / f"{page.stem}.html"
        text = built.read_text(encoding="utf-8")
        for tag, target in re.findall(r'<(img|script|link|a)\b[^>]*?(?:src|href)="([^"]*)"', text):
            if re.match(r"[a-z]+:", target):
                # links may lead elsewhere, what the page is made of may not
                assert tag == "a", f"{page.name} loads {target}"
            elif path := unquote(re.split("[#?]", target)[0]):
                assert (built.parent / path).is_file(), f"{page.name}: {target}"
