"""Systems and images of a run by name: from the project that the package lies in, or from a file."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from semrobust.config import params as config
from semrobust.config.params import Params
from semrobust.config.settings import LEVELS
from semrobust.data import photos
from semrobust.errors import ArtifactError, UsageError, similar
from semrobust.library import arguments, defaults
from semrobust.measure.images import TestImages
from semrobust.pipeline import seeds
from semrobust.pipeline.plan import Plan
from semrobust.pipeline.work import finished, is_made
from semrobust.systems.base import System
from semrobust.systems.checkpoint import kind_of, restore
from semrobust.training.train import learns

Files = Params | str | Path | Sequence[str | Path]
"""Params, or their files, later ones over earlier ones."""


def load(
    name: str,
    *,
    run: str | None = None,
    params: Files | None = None,
    folder: str | Path | None = None,
    weights: str | Path | None = None,
    size: tuple[int, int] | None = None,
) -> System:
    """The system `name` of a run, ready to be attacked.

    A network comes from the run's models, compared with their record; what does not learn is constructed. An attack on
    it with the params of the run gives the rows of the run's tables.

    Args:
        name: of a system of the params, one that reconstructs images, such as "deepjscc" or "hevc_ldpc_qpsk" (`attack`,
            `evaluate`), or one that names their class, such as "mae_vq" or "vit" (`classify`, `semantic_noise`).
        run: a run of the project, "laptop" (params.yaml) or one with an overlay in params/; not with `params`.
        params: other params.
        folder: the project, which holds params.yaml and data/RUN/models; else the one that the package lies in.
        weights: a safetensors file to take instead, as a run has it in its models. It needs no project.
        size: height and width of the images, for a network that takes other ones than 32x32: it then has as many
            channel uses per pixel, and its quality there is not what it was trained for.

    Raises UsageError for a name that there is not, ArtifactError with what to do where the network is not there.

    >>> import semrobust
    >>> semrobust.load("hevc_ldpc_qpsk").real_uses
    768
    """
    project = _project(folder)
    chosen = _params(project, run, params)
    arguments.text("system", name)
    pixels = None if size is None else arguments.size(size)
    if name not in chosen.systems:
        known = [*chosen.of_task("image"), *chosen.of_task("class")]
        raise UsageError(f"unknown system {name!r}{similar(name, known)}; known: {', '.join(known)}")
    if chosen.task(name) != "class":
        arguments.sends_images(name, chosen.task(name))
    system = _from_run(name, chosen, project) if weights is None else _from_file(name, chosen, Path(weights))
    system.name = name
    return system if pixels is None else system.resized(pixels)


def load_images(
    count: int | None = None,
    *,
    run: str | None = None,
    params: Files | None = None,
    folder: str | Path | None = None,
) -> torch.Tensor:
    """The first `count` test images of a run, in its order, float32 (B,3,32,32): those that its tables are about.

    Arguments as those of `load`. Raises ArtifactError with what to do where the dataset is not there.

    Here `params` and `folder` are those of a run that was made:

    >>> import semrobust
    >>> semrobust.load_images(8, params=params, folder=folder).shape
    torch.Size([8, 3, 32, 32])
    """
    return _tested(count, run, params, folder).images


def load_labels(
    count: int | None = None,
    *,
    run: str | None = None,
    params: Files | None = None,
    folder: str | Path | None = None,
) -> torch.Tensor:
    """The classes of the images that `load_images` gives, int64 (B,).

    >>> import semrobust
    >>> semrobust.load_labels(8, params=params, folder=folder).shape
    torch.Size([8])
    """
    return _tested(count, run, params, folder).labels


def _tested(count: int | None, run: str | None, params: Files | None, folder: str | Path | None) -> TestImages:
    project = _project(folder)
    chosen = _params(project, run, params)
    asked = None if count is None else arguments.whole("count", count, 1)
    with contextlib.chdir(project or "."):  # a run's paths start from the project's root
        made = finished(Plan.of(chosen), f"dataset/{chosen.data.source}")
        tested = TestImages.read(made.artifact.stem, asked)
    if len(tested) < (asked or 0):
        raise UsageError(f"count: {count}, must be from 1 to {len(tested)}")
    return tested


def example_images(count: int = 16) -> torch.Tensor:
    """Pieces of ten photographs that come with scikit-image and scikit-learn, float32 (B,3,32,32) in [0,1].

    At most 540, always in the same mixed order: something to try a transceiver on, without a data set.

    >>> import semrobust
    >>> semrobust.example_images(4).shape
    torch.Size([4, 3, 32, 32])
    """
    pieces = photos.load().test
    if arguments.whole("count", count, 16) > len(pieces):
        raise UsageError(f"count: {count}, must be from 1 to {len(pieces)}")
    order = seeds.generator(0, "example images").permutation(len(pieces))
    return torch.from_numpy(pieces.images[order[:count]]).float() / LEVELS


def _project(folder: str | Path | None) -> Path | None:
    """The project's root; None outside of any."""
    if folder is not None:
        if not Path(folder).is_dir():
            raise UsageError(f"folder: {folder}, is none. It must be a project: params.yaml, and data/RUN beside it")
        return Path(folder).resolve()
    return defaults.CHECKOUT if (defaults.CHECKOUT / "params.yaml").exists() else None


def _params(project: Path | None, run: str | None, given: Files | None) -> Params:
    if given is not None:
        if run is not None:
            raise UsageError(f"run: {run!r}, is said by the params already")
        if isinstance(given, Params):
            return given
        return config.load([Path(path) for path in ([given] if isinstance(given, str | Path) else given)])
    main = None if project is None else project / "params.yaml"
    base = config.load([main]) if main is not None and main.exists() else defaults.params()
    if run is None or run == base.run:
        return base
    overlays = {} if main is None else {path.stem: path for path in (main.parent / "params").glob("*.yaml")}
    if main is None or run not in overlays:
        known = ", ".join([base.run, *sorted(overlays)])
        raise UsageError(f"unknown run {run!r}; known: {known}. Others are loaded by their params files (params=[...])")
    return config.load([main, overlays[run]])


def _from_run(name: str, params: Params, project: Path | None) -> System:
    """The system as the run has it, or constructed where that is all there is to it."""
    plan, kind = Plan.of(params), kind_of(params.section("systems", name))
    artifact, start = plan[f"train/{name}"], params.systems[name].starts_from
    with contextlib.chdir(project or "."):
        if project is not None and is_made(artifact):
            system = restore(finished(plan, artifact.address))
            system.settings = params.systems[name]  # with its label, which moves no result
            return system
        begun = None if learns(params, name) or start is None else plan[f"train/{start}"]
        if not kind.trainable or (project is not None and begun is not None and is_made(begun)):
            own = seeds.integer(params.seed, "create", name)
            system = kind.create(params.systems[name], params.link_of(name).real_uses, own)
            if begun is not None:  # it has the weights of that one as they are
                system.adopt(load_file(finished(plan, begun.address).path()), begun.name)
            return system
    where = "outside of a project there is none" if project is None else f"{project / artifact.path()} is missing"
    overlay = f"params/{params.run}.yaml"
    files = f" --configfile {overlay}" if project is not None and (project / overlay).exists() else ""
    raise ArtifactError(
        f"the network of {name!r} in the run {params.run!r} is not here: {where}. Train it in the project's root, by "
        f"`snakemake --cores 2 {artifact.path()}{files}`, or name a file (weights=FILE)"
    )


def _from_file(name: str, params: Params, weights: Path) -> System:
    kind = kind_of(params.section("systems", name))
    try:
        return kind.restore(params.systems[name], params.link_of(name).real_uses, load_file(weights))
    except (OSError, SafetensorError) as error:
        raise ArtifactError(f"{weights} cannot be read as a safetensors file: {error}") from error
    except (RuntimeError, KeyError, ValueError) as error:
        raise ArtifactError(f"{weights} does not hold {name!r} as the params describe it: {error}") from error
