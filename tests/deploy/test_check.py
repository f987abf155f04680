"""The check of deployed programs, over fewer windows and less damage."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import yamjit
from tools.checks import deployed
from yamjit.deploy import deploy
from yamjit.kernels.machine_code.platforms import own_platform

pytestmark = pytest.mark.slow


def test_nothing_is_wrong(
    starter: yamjit.Classifier, built_libraries: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if own_platform() != "linux-x86_64" or not shutil.which("cc"):
        pytest.skip("a C compiler, cc, with sanitizers, on linux-x86_64 is needed")
    deploy(starter, tmp_path / "out", libraries=built_libraries)
    status = deployed.main([str(tmp_path / "out"), "starter", "--windows", "2", "--damaged", "300"])
    out = capsys.readouterr().out
    assert "linux-x86_64, static library" in out
    assert "unrepaired 0" in out
    assert status == 0, out
