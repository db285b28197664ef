"""Makes the checkout importable in its own environment and puts the `acm` command there.

Nothing is built or copied, so a first start needs no build tools and an edited file counts at once.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
COMMAND = f"""#!{sys.executable}
from shared.cli import main

main()
"""


def link() -> None:
    """Write the path file and the command."""
    Path(sysconfig.get_path("purelib"), "acm.pth").write_text(f"{CHECKOUT}\n")
    command = Path(sysconfig.get_path("scripts"), "acm")
    command.write_text(COMMAND)
    command.chmod(0o755)


link()
