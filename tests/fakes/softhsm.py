"""A real PKCS#11 token in software: Debian's SoftHSM2, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "hsm-pin-of-a-test"


def make_token(folder: Path, label: str) -> None:
    """Make an empty token below a folder, and have this process's libraries find it by SOFTHSM2_CONF."""
    assert MODULE.exists(), "SoftHSM2 is missing: apt-get install softhsm2 (make test-tools does)"
    program = shutil.which("softhsm2-util", path=f"{os.environ.get('PATH', '')}:/usr/bin")
    assert program is not None, "softhsm2-util comes with softhsm2"
    (folder / "tokens").mkdir(exist_ok=True)
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    subprocess.run(
        [program, "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "security-officer"],
        check=True, capture_output=True,
    )  # fmt: skip
