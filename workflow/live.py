"""Training curves for DVC: `python workflow/live.py RUN COMMAND...` runs COMMAND and follows the trainings in it.

After each epoch the losses of all trainings are written with DVCLive to data/RUN/training, so that `dvc plots show` and
`dvc exp show` display them while they run. No training knows of it: the curves are read from the states that trainings
save after each epoch, and in the end from the records of the models, which is also how `workflow/record.py` makes them
after a plain `snakemake all`.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from semrobust.errors import SemrobustError
from semrobust.pipeline.plan import ROOT, Plan, folder_of

History = list[dict[str, float]]
"""One row per epoch: `epoch` from 1, `train_loss`, `validation_loss`, and what else a training reports."""

LOSSES = ("train_loss", "validation_loss")
_SECONDS = 2.0  # between two looks at the trainings


class Curves:
    """The curves of a run in data/RUN/training: one DVCLive metric per training and loss, and one plot of them all."""

    def __init__(self, plan: Plan) -> None:
        self.models = {artifact.name: artifact for artifact in plan if artifact.kind == "train"}
        self.states = ROOT / plan.run / "scratch" / "train"
        self.folder = ROOT / plan.run / "training"
        self.shown = self.recorded()
        self._read: dict[Path, tuple[float, History]] = {}  # states of trainings by their times

    def recorded(self) -> dict[str, History]:
        """Histories of the models that are there."""
        found = {}
        for system, model in self.models.items():
            try:
                record = json.loads(model.record.read_text(encoding="utf-8"))
                found[system] = record["details"]["history"]
            except (OSError, ValueError, KeyError):  # not made yet, or constructed and not trained
                continue
        return found

    def running(self, since: float) -> dict[str, History]:
        """Histories of the trainings that have finished an epoch after `since` (seconds since 1970)."""
        found = {}
        states = [(state.stat().st_mtime, state) for state in self.states.glob("*/state.pt")]
        for saved, state in sorted(states):
            system = state.parent.name.rpartition("-")[0]
            if system in self.models and saved >= since:
                if self._read.get(state, (0.0, []))[0] != saved:
                    self._read[state] = saved, self._history(state)
                found[system] = self._read[state][1]
        return found

    @staticmethod
    def _history(state: Path) -> History:
        import torch  # seconds, and not needed where nothing trains

        history: History = torch.load(state, map_location="cpu", weights_only=True)["history"]
        return history

    def follow(self, since: float) -> None:
        """Write the curves anew if a training has gone on."""
        histories = self.shown | self.running(since)
        if histories != self.shown:
            self.write(histories)

    def write(self, histories: dict[str, History]) -> None:
        """Write these curves in place of all others, in the order of the params: equal ones give equal files."""
        from dvclive.live import Live

        live = Live(str(self.folder), dvcyaml=None, report=None, save_dvc_exp=False)  # removes what was there
        rows = []
        for system in (name for name in self.models if name in histories):
            for epoch in histories[system]:
                live.step = int(epoch["epoch"])
                for loss in LOSSES:
                    live.log_metric(f"{system}/{loss}", epoch[loss])
                    rows.append({"system": system, "epoch": live.step, "set": loss.split("_")[0], "loss": epoch[loss]})
        if rows:
            live.log_plot("losses", rows, x="epoch", y="loss")
        live.step = len(rows) // len(LOSSES)  # in the summary: epochs of all trainings together
        live.make_summary()  # type: ignore[no-untyped-call]
        self.shown = histories


def main(run: str, command: list[str]) -> int:
    """Run `command`, whose trainings belong to `run`.

    Returns its exit code, or 1 if the curves of a finished run cannot be written.
    """
    try:
        curves = Curves(Plan.read(folder_of(run)))
    except SemrobustError as error:
        print(f"semrobust: {error}", file=sys.stderr)
        return error.exit_code
    started = time.time()
    child = subprocess.Popen(command)
    # A terminal sends Ctrl-C to both: the child decides what it means. Other signals come to this process alone.
    signal.signal(signal.SIGINT, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: child.send_signal(received))
    while True:
        try:
            code = child.wait(_SECONDS)
            break
        except subprocess.TimeoutExpired:
            try:
                curves.follow(started)
            except Exception as error:  # a picture must not stop a training of hours
                print(f"semrobust: training curves are not up to date: {error}", file=sys.stderr)
    recorded = curves.recorded()
    curves.write(curves.shown | recorded | curves.running(started) if code else recorded)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
