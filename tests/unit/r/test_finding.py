"""Whether this machine has the R that notebooks need."""

from __future__ import annotations

from pathlib import Path

from swap import r


def library(folder: Path, *packages: str) -> Path:
    for name in packages:
        (folder / name).mkdir(parents=True)
        (folder / name / "DESCRIPTION").write_text(f"Package: {name}\n")
    return folder


def test_packages_may_be_in_several_libraries(tmp_path: Path) -> None:
    libraries = (library(tmp_path / "site", *r.NEEDED[:2]), library(tmp_path / "base", *r.NEEDED[2:]))
    assert r.missing(libraries) == ()


def test_each_package_that_is_missing_is_named(tmp_path: Path) -> None:
    found = library(tmp_path / "site", *(name for name in r.NEEDED if name not in {"curl", "repr"}))
    assert set(r.missing((found, tmp_path / "none"))) == {"curl", "repr"}


def test_an_empty_directory_is_no_package(tmp_path: Path) -> None:
    (library(tmp_path, *r.NEEDED[1:]) / r.NEEDED[0]).mkdir()
    assert r.missing((tmp_path,)) == (r.NEEDED[0],)


def test_the_files_that_start_a_kernel_are_there() -> None:
    loaded = (r.FILES / "load.R").read_text()
    for path in r.FILES.glob("*.R"):
        assert path.name in {"load.R", "kernel.R"} or f'"{path.stem}"' in loaded
