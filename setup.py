"""What pyproject.toml cannot say: a wheel carries params.yaml, which holds the defaults of the library."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class WithParams(build_py):
    """Modules and params.yaml beside them; an editable installation reads the file where it is."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            self.copy_file("params.yaml", str(Path(self.build_lib) / "semrobust" / "params.yaml"))


setup(cmdclass={"build_py": WithParams})
