"""Where every artifact of a run lies: the output contract's paths, in one place, relative to the project root."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DATASET_FILES = tuple(
    f"{split}_{part}.npy" for split in ("train", "validation", "test") for part in ("images", "labels")
)


@dataclass(frozen=True)
class Layout:
    """Paths of the run named `run`. The record of an artifact (`core.provenance`) lies beside it as .json."""

    run: str

    @property
    def root(self) -> Path:
        return Path("data") / self.run

    @property
    def downloads(self) -> Path:
        """Raw archives, shared by all runs; outside every run so that no rerun downloads again."""
        return Path("data") / "raw"

    def dataset(self) -> Path:
        """Record of the dataset; the arrays (`DATASET_FILES`) lie beside it."""
        return self.root / "dataset" / "dataset.json"

    def model(self, system: str) -> Path:
        return self.root / "models" / f"{system}.safetensors"

    def scratch(self, system: str, key: str) -> Path:
        """Resumable training state, keyed by what determines the training, outside all declared outputs."""
        return self.root / "scratch" / f"{system}-{key[:16]}"

    def sources(self) -> Path:
        """Encoded images, named by all that determines them, which jobs share; outside all declared outputs."""
        return self.root / "scratch" / "sources"

    def lock(self, what: str) -> Path:
        """Locked (`core.locks`) by the process that does `what`."""
        return self.root / "scratch" / "locks" / f"{what}.lock"

    def clean(self, system: str) -> Path:
        return self.root / "samples" / "clean" / f"{system}.parquet"

    def fading(self, system: str) -> Path:
        return self.root / "samples" / "fading" / f"{system}.parquet"

    def attack(self, system: str, attack: str) -> Path:
        return self.root / "samples" / "attacks" / f"{system}.{attack}.parquet"

    def perturbations(self, system: str, attack: str) -> Path:
        return self.attack(system, attack).with_suffix(".safetensors")

    def structure(self, system: str) -> Path:
        """Cycles, harmful sets and light codewords of a system's code."""
        return self.root / "structures" / f"{system}.safetensors"

    def limits(self, system: str) -> Path:
        """What theory says of each image's least attack power."""
        return self.root / "samples" / "limits" / f"{system}.parquet"

    def criteria(self, system: str) -> Path:
        """Least attack power of each image under every criterion of ruin."""
        return self.root / "samples" / "criteria" / f"{system}.parquet"

    def noise(self, system: str) -> Path:
        """Test images under semantic noise made against one system."""
        return self.root / "samples" / "noise" / f"{system}.npz"

    def accuracy(self, system: str) -> Path:
        return self.root / "samples" / "accuracy" / f"{system}.parquet"

    def gallery(self) -> Path:
        return self.root / "samples" / "gallery.npz"

    def table(self, table: str) -> Path:
        return self.root / "results" / f"{table}.csv"

    def metrics(self) -> Path:
        """Headline numbers; YAML, since the record takes the name with .json."""
        return self.root / "results" / "metrics.yaml"

    @property
    def figures(self) -> Path:
        return Path("figures") / self.run

    def figure(self, figure: str, suffix: str = ".pdf") -> Path:
        return self.figures / f"{figure}{suffix}"

    def report(self) -> Path:
        """The report of the run. DVC keeps it, so it lies outside the folder of the figures, which git keeps."""
        return self.root / "report" / "report.html"

    def report_link(self) -> Path:
        """Link to the report beside the figures."""
        return self.figures / "report.html"


def record_path(artifact: Path) -> Path:
    """Path of the provenance record of an artifact."""
    return artifact.with_suffix(".json")
