"""The training loop: data in memory, resumable at any epoch, the same final weights after any interruption.

All randomness of an epoch comes from streams named after the epoch, so a resumed run needs no generator state.
The weights of the last epoch are kept: nothing is selected, the validation set is only reported.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from tqdm import tqdm

from semrobust.errors import ArtifactError, TrainingError
from semrobust.pipeline import files, seeds
from semrobust.systems.base import device
from semrobust.systems.source import PICTURES, Source
from semrobust.training.averaging import Average
from semrobust.training.compiled import PAYS_FROM, Loss, compiled
from semrobust.training.optimizer import Optimizers, Rates

Images = torch.Tensor


_FALLEN = 4.0
"""Times the least validation loss so far, 6 dB of PSNR, from which a network has fallen apart."""


class Schedule(Rates, Protocol):
    """Settings the loop reads (`TrainingSettings` of a system)."""

    @property
    def batch(self) -> int: ...
    @property
    def precision(self) -> str: ...


class Learner(Protocol):
    """A system with a network, and a schedule for its training."""

    @property
    def module(self) -> torch.nn.Module: ...
    @property
    def training(self) -> Schedule: ...


@runtime_checkable
class Trainable(Learner, Protocol):
    """A system that learns from what it sends alone, by its loss on a batch."""

    @property
    def source(self) -> Source: ...
    def loss(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor: ...


as_float = PICTURES.samples
"""uint8 pixels to float32 in [0,1]."""


class Loop:
    """Train a network on uint8 images (n,3,32,32) that stay in memory; what a step does is for subclasses to say.

    `scratch` holds the state after each finished epoch, in a folder keyed by what determines the training. `root_seed`
    and `name` name the random streams. AdamW with a one-cycle learning rate, Muon for `matrices` of the network. With
    `average`, the decay per step of a moving average of the weights, that is validated, and it is what `run` leaves.
    """

    compile_from = PAYS_FROM

    def __init__(
        self, learner: Learner, train: Images, validation: Images, scratch: Path, root_seed: int, name: str,
        matrices: Sequence[torch.nn.Parameter] = (), average: float | None = None,
    ) -> None:  # fmt: skip
        self.learner, self.root_seed, self.name = learner, root_seed, name
        self.device = device()
        self.checkpoint = scratch / "state.pt"
        self.train = train.to(self.device)
        self.validation = validation.to(self.device)
        self.module = learner.module.to(self.device)
        self.schedule = schedule = learner.training
        self.steps = max(1, len(train) // schedule.batch)
        self.optimizer = Optimizers(self.module, matrices, schedule, self.steps)
        self.average = None if average is None else Average(self.module, average)
        self.history: list[dict[str, float]] = []
        self.quick: Loss | None = None
        self.compiled_epochs = 0

    def run(self, after_epoch: Callable[[int], None] = lambda epoch: None) -> list[dict[str, float]]:
        """Train to the last epoch, from the last finished one if there is any; returns one row per epoch.

        Raises TrainingError at a non-finite loss; the state of the last good epoch stays in scratch.
        `after_epoch` is called with the number of finished epochs once they are saved.
        """
        self._resume()
        epochs = self.schedule.epochs
        first = len(self.history)
        if first < epochs:
            self.module.train()
            self.prepare()
        progress = tqdm(range(first, epochs), f"train {self.name}", epochs, initial=first, unit="epoch", disable=None)
        for epoch in progress:
            started = time.perf_counter()
            loss = self._epoch(epoch)
            with nullcontext() if self.average is None else self.average.applied():
                validation = self._validate(epoch)
            self.history.append({"epoch": epoch + 1, "train_loss": loss, "validation_loss": validation})
            self.compiled_epochs += self.quick is not None
            self._save()
            seconds = time.perf_counter() - started
            progress.set_postfix(loss=f"{loss:.5f}", validation=f"{validation:.5f}")
            if progress.disable:  # a log file gets one line per epoch instead of a bar
                line = f"{self.name}: epoch {epoch + 1}/{epochs} loss {loss:.6f} validation {validation:.6f}"
                print(f"{line} {seconds:.1f} s", flush=True)
            after_epoch(epoch + 1)
        if self.average is not None:
            self.average.put()
        return self.history

    def prepare(self) -> None:
        """Once before the first step: make steps quicker, where that pays."""

    def update(self) -> None:
        """What ends a step: the gradients move the weights, and those their average."""
        self.optimizer.step()
        if self.average is not None:
            self.average.update()

    def trained(self) -> dict[str, Any]:
        """What a record says of how it was trained, beside settings and versions."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type
        return {"device": name, "compiled_epochs": self.compiled_epochs}

    def _precision(self) -> AbstractContextManager[object]:
        """Around forward passes: operations that can be are done in the precision of the settings."""
        if self.schedule.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def _generator(self, *stream: str | int) -> torch.Generator:
        return torch.Generator().manual_seed(seeds.integer(self.root_seed, "train", self.name, *stream))

    def _epoch(self, epoch: int) -> float:
        generator = self._generator("epoch", epoch)
        order = torch.randperm(len(self.train), generator=generator)
        total = torch.zeros((), device=self.device)
        self.module.train()
        for step in range(self.steps):
            total += self.step(order, step, generator)
        loss = float(total) / self.steps
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss of '{self.name}' became {loss} in epoch {epoch + 1}. The state after epoch {epoch} is kept "
                f"in {self.checkpoint.parent}. Lower systems.{self.name}.training.learning_rate, then run again."
            )
        return loss

    def step(self, order: torch.Tensor, step: int, generator: torch.Generator) -> torch.Tensor:
        """One optimizer step on batch number `step` of the permutation `order`; returns the detached loss."""
        raise NotImplementedError

    def _validate(self, epoch: int) -> float:
        """Mean loss of the validation images after `epoch`."""
        raise NotImplementedError

    def _save(self) -> None:
        state: dict[str, Any] = {
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "history": self.history,
            "compiled_epochs": self.compiled_epochs,
        }
        with files.replacing(self.checkpoint) as temporary:
            torch.save(state, temporary)

    def _resume(self) -> None:
        if not self.checkpoint.exists():
            return
        try:
            state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
            self.module.load_state_dict(state["module"])
            self.optimizer.load_state_dict(state["optimizer"])
            if self.average is not None:
                self.average.load_state_dict(state["average"])
            self.history, self.compiled_epochs = state["history"], state["compiled_epochs"]
        except Exception as error:  # damaged, or of a version that kept other things
            raise ArtifactError(
                f"{self.checkpoint} cannot be read ({error}). Remove the folder {self.checkpoint.parent} to train from "
                "the start."
            ) from error


class Trainer(Loop):
    """Train a system on samples alone, by its own loss; batches are varied as what it sends allows."""

    def __init__(
        self, system: Trainable, train: Images, validation: Images, scratch: Path, root_seed: int, name: str
    ) -> None:
        super().__init__(system, train, validation, scratch, root_seed, name)
        self.system = system

    def prepare(self) -> None:
        """Compile the loss, if the training is long enough; go on without where that fails, and say so."""
        if self.schedule.epochs * self.steps < self.compile_from:
            return
        images = self.system.source.samples(self.train[: self.schedule.batch])
        try:
            with self._precision():
                self.quick = compiled(self.system.loss, self.module, images)
        except Exception as error:  # without a C++ compiler, or with a loss that torch cannot compile
            why = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            warnings.warn(
                f"'{self.name}' is trained without torch.compile, which takes longer and changes last digits only: "
                f"{why}. It needs a C++ compiler, such as g++, and a loss without second derivatives.",
                stacklevel=2,
            )

    def step(self, order: torch.Tensor, step: int, generator: torch.Generator) -> torch.Tensor:
        """One optimizer step on batch number `step` of the permutation `order`; returns the detached loss."""
        batch = self.schedule.batch
        source = self.system.source
        images = source.samples(self.train[order[step * batch : (step + 1) * batch].to(self.device)])
        images = source.varied(images, generator)
        self.optimizer.zero_grad()
        with self._precision():
            loss = (self.quick or self.system.loss)(images, generator)
        loss.backward()  # type: ignore[no-untyped-call]
        self.update()
        return loss.detach()

    def _validate(self, epoch: int) -> float:
        generator = self._generator("validation", epoch)
        self.module.eval()
        batch, total = 1000, 0.0
        with torch.no_grad():
            for start in range(0, len(self.validation), batch):
                images = self.system.source.samples(self.validation[start : start + batch])
                total += float(self.system.loss(images, generator)) * len(images)
        loss = total / len(self.validation)
        least = min((row["validation_loss"] for row in self.history), default=math.inf)
        if loss > _FALLEN * least:
            raise TrainingError(
                f"'{self.name}' fell apart in epoch {epoch + 1}: its validation loss rose from {least:.4g} to "
                f"{loss:.4g}, and such a network seldom comes back. The state after epoch {epoch} is kept in "
                f"{self.checkpoint.parent}. Lower systems.{self.name}.training.learning_rate, then run again."
            )
        return loss
