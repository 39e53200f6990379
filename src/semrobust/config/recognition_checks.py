"""Checks of hu2022's params that show only across keys: channels, noise, and networks that start from each other.

They run before any job. Systems are looked at by the keys that they have, so a new kind with the same keys is checked
as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from semrobust.config.settings import SHOWN, SystemSettings

if TYPE_CHECKING:
    from semrobust.config.schema import Params

_SIDE = 32
_SIZES = ("patch", "size", "encoder", "features", "codebook_size", "head_hidden")
"""Keys that decide the shapes of weights, as far as a system has them."""
_TRANSFORMERS = ("size", "encoder", "decoder")


def problems(params: Params) -> list[str]:
    """Return "key's path: value, what is allowed" for everything that cannot work together."""
    found = [*_evaluation(params), *_starts(params)]
    for name, system in params.systems.items():
        if params.task(name) not in SHOWN:
            found += [f"systems.{name}.{problem}" for problem in _system(params, name, system)]
    return found


def _evaluation(params: Params) -> Iterator[str]:
    """Names of channels and noise that are none, and more images than there are."""
    given, channels, path = params.recognition, ", ".join(params.channels), "recognition"
    if given.channel not in params.channels:
        yield f"{path}.channel: {given.channel!r}, must be of {channels}"
    if sorted(set(given.snr_db)) != given.snr_db:
        yield f"{path}.snr_db: {given.snr_db}, must rise strictly"
    sections = {f"{path}.noise": given.noise, f"{path}.adaptive.noise": given.adaptive.noise}
    for section, name, noise in ((section, *entry) for section, found in sections.items() for entry in found.items()):
        if not name.isidentifier() or name != name.lower():
            yield f"{section}.{name}: the name must be lower case letters, digits and _"
        if noise.through is not None and noise.through not in params.channels:
            yield f"{section}.{name}.through: {noise.through!r}, must be of {channels}"
        if sorted(set(noise.epsilon_levels)) != noise.epsilon_levels:
            yield f"{section}.{name}.epsilon_levels: {noise.epsilon_levels}, must rise strictly"
    if given.default_noise not in given.noise:
        yield f"{path}.default_noise: {given.default_noise!r}, must be of {', '.join(given.noise)}"
    elif given.default_level not in given.noise[given.default_noise].epsilon_levels:
        at = f"{path}.noise.{given.default_noise}.epsilon_levels"
        yield f"{path}.default_level: {given.default_level}, must be one of {at}"
    yield from _adaptive(params)


def _adaptive(params: Params) -> Iterator[str]:
    """Adaptive noise that cannot be compared with the other, or is tried nowhere."""
    given, path = params.recognition, "recognition.adaptive"
    classifying = params.of_task("class")
    for name in given.adaptive.systems or []:
        if name not in classifying:
            yield f"{path}.systems: {name!r}, must be of {', '.join(classifying)}"
    for name, noise in given.adaptive.noise.items():
        if name in given.noise:
            yield f"{path}.noise.{name}: the name is taken by recognition.noise"
        if given.default_level not in noise.epsilon_levels:
            yield f"{path}.noise.{name}.epsilon_levels: {noise.epsilon_levels}, must hold default_level"


def _system(params: Params, name: str, system: SystemSettings) -> Iterator[str]:
    """Sizes that no network can have, and trainings that could not do what they say."""
    schedule = getattr(system, "training", None)
    if schedule is None and system.starts_from is None:
        yield "training: null, but without a start there are no weights: name a start, or train"
    if system.train_channel is not None and system.train_channel not in params.channels:
        yield f"training.channel: {system.train_channel!r}, must be of {', '.join(params.channels)}"
    if schedule is not None and (schedule.channel is None) != (schedule.snr_db is None):
        yield f"training.snr_db: {schedule.snr_db}, a channel needs an SNR, and an SNR a channel"
    if _SIDE % getattr(system, "patch", 1):
        yield f"patch: {getattr(system, 'patch', None)}, must divide the {_SIDE} pixels of an image's side"
    for key in _TRANSFORMERS:
        size = getattr(system, key, None)
        if size is not None and hasattr(size, "heads") and size.width % size.heads:  # a decoder may be one of LDPC
            yield f"{key}.heads: {size.heads}, must divide the width of {size.width}"
    if getattr(system, "head_hidden", 4) % 4:
        yield f"head_hidden: {getattr(system, 'head_hidden', None)}, must be a multiple of 4 for its positions"


def _starts(params: Params) -> Iterator[str]:
    """Systems that start from one that is not there, from each other in a circle, or from one of another size."""
    for name, system in params.systems.items():
        seen, start = [name], system.starts_from
        while start is not None and start in params.systems and start not in seen:
            seen.append(start)
            start = params.systems[start].starts_from
        if start is not None:
            what = "is a circle of systems" if start in params.systems else "is no system of the params"
            yield f"systems.{name}.start: {system.starts_from!r}, {' -> '.join([*seen, start])} {what}"
        elif system.starts_from is not None:
            yield from _misfits(name, system, system.starts_from, params.systems[system.starts_from])


def _misfits(name: str, system: SystemSettings, start: str, source: SystemSettings) -> Iterator[str]:
    """Sizes that differ from those of the weights that are taken over: these would stay random, untold.

    A system that is trained further may lack a codebook that its start has, or have one that its start lacks; without
    one its features may be of another dimension, too, and the layers that make and take them are learned anew.
    """
    for key in _SIZES:
        own, given = _plain(system, key), _plain(source, key)
        if own is _ABSENT or given is _ABSENT or own == given:
            continue
        if getattr(system, "training", None) is not None and (None in (own, given) or _analog(system, key)):
            continue
        yield f"systems.{name}.{key}: {own}, must be that of {start}, whose weights it takes over: {given}"


def _analog(system: SystemSettings, key: str) -> bool:
    """Whether a key is the dimension of features that are sent as they are."""
    return key == "features" and getattr(system, "codebook_size", None) is None


_ABSENT = object()


def _plain(system: SystemSettings, key: str) -> Any:
    """A setting as comparable values, `_ABSENT` if the kind has none."""
    value = getattr(system, key, _ABSENT)
    return value.model_dump() if hasattr(value, "model_dump") else value
