"""What holds for every command: where it is listed, and the version."""

from __future__ import annotations

import json

import pytest

import spectrack as st


def test_help_lists_what_holds_for_every_command(spectrack):
    ran = spectrack("--help")
    assert ran.status == 0
    for flag in ("--json", "--quiet", "--version", "--help"):
        assert flag in ran.out


@pytest.mark.parametrize("flags", [[], ["--quiet"]])
def test_version(spectrack, flags):
    for args in (["--version", *flags], [*flags, "--version"]):
        assert spectrack(*args).out == f"{st.__version__}\n"


def test_version_as_json(spectrack):
    for flags in (["--version", "--json"], ["--json", "--version"]):
        ran = spectrack(*flags)
        assert ran.status == 0
        assert json.loads(ran.out) == {"version": st.__version__}


def test_the_package_lists_its_public_names_only():
    st.track  # noqa: B018  loads more of the package
    assert dir(st) == sorted(st.__all__)
    assert {"track", "refine", "fuse", "Box"} <= set(dir(st))
