"""What runs the deployment itself needs the real engines; the rest of this folder does not."""

from __future__ import annotations

from shared.testing import on_real_engines

collect_ignore = [] if on_real_engines() else ["test_running.py"]
