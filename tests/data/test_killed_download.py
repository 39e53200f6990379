"""`semrobust data` is killed in the midst of a download, as a real process; the next call goes on with it."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from semrobust.config.params import validate
from semrobust.data.cifar10 import ARCHIVE
from semrobust.data.content import canonical
from semrobust.pipeline.plan import Plan
from tests.data.samples import Hold, Served, Web, archive_members, random_split, write_tar

# the real command, which takes this archive for the official one
COMMAND = """
import json, sys
from semrobust.cli import main
from semrobust.data import cifar10
cifar10.ARCHIVE_MD5, cifar10.KNOWN_DIGESTS = sys.argv[1], json.loads(sys.argv[2])
sys.argv = ["semrobust", "data", "--plan", "data/small/plan"]
main()
"""


def hashes(folder: Path) -> dict[str, str]:
    files = sorted((folder / "data/small/dataset").rglob("*.npy"))
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.slow
def test_a_killed_download_goes_on_and_gives_the_same_dataset(
    web: Web, tmp_path: Path, small_raw: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    train, test = random_split(200, 1), random_split(50, 2)
    body = write_tar(tmp_path / ARCHIVE, archive_members(train, test)).read_bytes()
    digests = {"train": canonical(train)[1], "test": canonical(test)[1]}
    command = [sys.executable, "-c", COMMAND, hashlib.md5(body).hexdigest(), json.dumps(digests)]
    web.files[ARCHIVE] = Served(body)
    small_raw["data"] |= {"source": "cifar10", "mirrors": [f"{web.url}/{ARCHIVE}"], "hub": []}
    folders = tmp_path / "undisturbed", tmp_path / "killed"
    for folder in folders:
        folder.mkdir()
        monkeypatch.chdir(folder)
        Plan.of(validate(small_raw)).write()  # so that no process has to make it
    undisturbed, killed = folders
    subprocess.run(command, cwd=undisturbed, check=True)

    after = random.Random(0).randrange(2**18, len(body))  # it is read and written in pieces of this size
    web.files[ARCHIVE].hold = hold = Hold(after)
    web.requests.clear()
    running = subprocess.Popen(command, cwd=killed)
    part = killed / "data/raw" / f"{ARCHIVE}.part"
    while not part.exists() or not part.stat().st_size:  # it holds the first piece soon
        assert running.poll() is None
        time.sleep(0.01)
    running.kill()
    running.wait()
    hold.released.set()
    web.files[ARCHIVE].hold = None
    kept = part.stat().st_size
    assert not part.with_name(ARCHIVE).exists()
    done = subprocess.run(command, cwd=killed, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert web.ranges() == [None, f"bytes={kept}-"]
    assert sorted(path.name for path in (killed / "data/raw").iterdir()) == [ARCHIVE, "dataset.lock", "dataset.pid"]
    assert hashes(killed) == hashes(undisturbed) != {}
