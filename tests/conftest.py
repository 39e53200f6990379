"""Shared by all tests: one torch thread, the repository's params, and a cheap variant of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock

from semrobust.config.params import Params, merge, read_yaml, validate

if TYPE_CHECKING:
    from tests.made import Run

ROOT = Path(__file__).resolve().parents[1]

HU2022 = ("vit", "vit_at", "mae_pretrained", "mae", "jpeg_vit", "hevc_vit")
"""Entries of params.yaml whose systems name classes."""

LONGEST = "test_addresses.py"
"""The file of tests that takes longest; see `_turn`."""

OTHER_NETWORKS = ("deepjscc_adaptive", "deepjscc_swin", "deepjscc_adversarial")
"""Entries that show images by other networks or training than zhang2026's; tests/systems/test_other_networks.py."""

SMALL: dict[str, Any] = {
    "run": "small",
    "data": {
        "source": "photos10",
        "mirrors": ["http://127.0.0.1:9/none.tar.gz"],  # nothing listens there: a test never waits for the network
        "hub": [],
        "train_images": 96,
        "validation_images": 20,
        "test_images": 24,
    },
    "link": {"real_uses": 384, "snr_db": [5.0, 10.0]},  # 384 = 6 maps of 8x8, and the (3, 6) code has 386 bits on 768
    "certificates": {"at": [{"snr_db": 10.0, "images": 2}], "draws": 50, "program_bits": 1},
    "systems": {
        "deepjscc": {"width": 4, "training": {"epochs": 2, "batch": 32}},
        "deepjscc_noiseless": {"width": 4, "training": {"epochs": 1, "batch": 32}},
        "hevc_ldpc_qpsk": {"decoder": {"iterations": 10}},
        "hevc_ldpc_16qam": None,
        "jpeg_ldpc_qpsk": {"decoder": {"iterations": 10}},
        "jpeg_ldpc_16qam": {"decoder": {"iterations": 10}},
        "jpeg_ldpc_16qam_full": None,  # its 5G code takes a second to make; nothing else is special about it
        "deepjscc_surrogate": None,
        "trained": None,
        **dict.fromkeys(OTHER_NETWORKS),
        "ladder": None,
        "ablation": None,
        "peg": None,
        "length": None,
        **dict.fromkeys(("csi", "csi_complex", "csi_chain", "csi_ablation")),
        **dict.fromkeys(HU2022),  # tests of these have their own sizes: tests/systems, tests/training
    },
    "attacks": {
        "random": {"step_db": 10.0, "bisections": 1},
        "all_bits": {"step_db": 10.0, "bisections": 1},
        "least_reliable_bits": {"margins": [1.0], "grid": 4, "bisections": 2},
        "pga": {"step": 0.5, "max_steps": 10},
        "pga_refined": {"step": 0.5, "max_steps": 10, "bisections": 2},
        "minimum_norm": {"starts": 1, "iterations": 10},
        "carlini_wagner": {"searches": 2, "iterations": 5},
        "pulse_jamming": {"step_db": 10.0, "bisections": 1},
        "universal": {"iterations": 5, "images": 8, "step_db": 10.0, "bisections": 1},
        "instantons": {"candidates": 2, "steps": 10, "bisections": 3, "refinements": 1, "rounds": 1, "trials": 2},
        "transfer_pga": None,
        "transfer_minimum_norm": None,
    },
    "criteria": {
        "images": 4,
        "snr_db": [10.0],
        "attacks": {
            "minimum_norm": {"starts": 1, "iterations": 10},
            "bp_gradient": {
                "max_steps": 2,
                "rounds": 1,
                "bisections": 2,
                "sets": 100,
                "candidates": 2,
                "set_rounds": 1,
                "trials": 2,
            },
        },
    },
    "structure": {
        "max_cycle": 6,
        "trapping_size": 4,
        "trapping_unsatisfied": 2,
        "growth_width": 100,
        "stopping_size": 6,
        "search_branches": 10_000,
        "codeword_trials": 20,
        "max_sets": 50,
    },
    "instantons": {"starts": 4, "depths": [4], "steps": 30, "hops": 2, "width": 4, "final": 1, "kept": 4},
    "evaluation": {
        "batch": 8,
        "attack_images": 4,
        "main": {"images": 6, "draws": 2},
        "fading_images": 4,
        "bootstrap_samples": 100,
        "gallery_images": 1,
        "gallery_snr_db": 10.0,
        "gallery_psr_db": [-10.0, 0.0],
    },
    "recognition": {"images": 4},
    "threats": {
        "bisections": 2,
        "noise": {
            "least": {"iterations": 4, "step_share": 0.5, "epsilon_levels": [16.0, 128.0]},
            "least_square": {"iterations": 10, "epsilon_levels": [16.0, 128.0]},
            "least_shift": {"epsilon_levels": [16.0, 128.0]},
            "least_l2": {"iterations": 4, "step_share": 0.5, "epsilon_levels": [256.0, 4096.0]},
            "least_l2_shift": {"epsilon_levels": [256.0, 4096.0]},
            **dict.fromkeys(("least_shifted", "least_l2_shifted")),
        },
    },
    "compute": {"train_threads": 1, "job_threads": 1},
    "plot": {"dpi": 50},
}
"""Overlay on params.yaml with which every job takes seconds."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden", action="store_true", help="record results of new classes and keys (tests/golden)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests go first, so that no process is left with one of them at the end.

    Of each quick test the first case alone is traced for coverage, so what that says is a lower bound: tracing takes
    half as long again as the tests, and what is slow reaches little that no quick test does.
    """
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: (_turn(item.path, bool(slow[item.path])), -slow[item.path]))
    seen = set()
    for item in items:
        test = item.nodeid.partition("[")[0]
        if test in seen or item.get_closest_marker("slow"):
            item.add_marker("no_cover")
        seen.add(test)


def _turn(path: Path, slow: bool) -> int:
    """The longest file first, which makes the run that all of its room share; while it does so other rooms are next."""
    if path.name == LONGEST:
        return 0
    return (2 if path.parent.name == "workflow" else 1) if slow else 3


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Spinning threads on busy cores slow small tensor operations a hundredfold."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # for processes that tests start
    yield
    torch.set_num_threads(before)


Once = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Once:
    """Fill a folder of this name, unless another process of this session has: tests leave it as it is."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent

    def filled(name: str, fill: Callable[[Path], object]) -> Path:
        folder, done = shared / name, shared / f"{name}.done"
        with FileLock(shared / f"{name}.lock"):
            if not done.exists():
                folder.mkdir()  # raises if filling it has failed elsewhere
                fill(folder)
                done.touch()
        return folder

    return filled


def raw_params() -> dict[str, Any]:
    """A fresh copy of params.yaml as plain values, to be changed at will."""
    return read_yaml(ROOT / "params.yaml")


@pytest.fixture
def raw() -> dict[str, Any]:
    """As `raw_params`."""
    return raw_params()


@pytest.fixture(scope="session")
def params() -> Params:
    """The params of the repository."""
    return validate(raw_params())


@pytest.fixture
def small_raw() -> dict[str, Any]:
    """params.yaml overlaid by `SMALL`, as plain values."""
    return merge(raw_params(), SMALL)


@pytest.fixture(scope="session")
def small_params() -> Params:
    """params.yaml overlaid by `SMALL`."""
    return validate(merge(raw_params(), SMALL))


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """An empty project in which a test writes plug-ins; see `tests.outside`."""
    from tests.outside import project

    with project(tmp_path):
        yield tmp_path


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Run:
    """A run whose artifacts are made where a test asks for them; tests leave them as they are."""
    from tests.made import Run, made_params

    store = None if worker_id == "master" else tmp_path_factory.getbasetemp().parent / "store"
    return Run(made_params(), tmp_path_factory.mktemp("made"), store)
