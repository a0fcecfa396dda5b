"""The kernels' specifications, written where the configuration looks for them, and nowhere else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from swap import r
from swap.lab.config import KERNEL, PACKAGE, kernelspec, r_kernelspec, transport
from swap.lab.environment import Environment


def lay_out(environment: Environment, private: Path) -> None:
    """Write those of Python and, where this machine has it, R into a private directory."""
    kernel = private / "kernels" / KERNEL
    shutil.copytree(PACKAGE / "kernel", kernel)
    (kernel / "kernel.json").write_text(json.dumps(kernelspec(environment), indent=1), encoding="utf-8")
    program = r.program()
    # Over TCP kernels must encrypt, which R's cannot.
    if program is not None and not r.missing() and transport(private / "run")["transport"] == "ipc":
        _lay_out_r(program, private / "kernels" / r.KERNEL)


def _lay_out_r(program: str, kernel: Path) -> None:
    """Write the kernelspec of R, with the logo that comes with its kernel."""
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(json.dumps(r_kernelspec(program), indent=1), encoding="utf-8")
    package = r.package("IRkernel")
    for logo in package.glob("kernelspec/logo-*") if package is not None else ():
        shutil.copyfile(logo, kernel / logo.name)
