"""`python -m shared.pages FOLDER`: print the messages below a service's folder that lack Chinese."""

import sys
from pathlib import Path

from shared.pages.messages import print_stubs

print_stubs(Path(sys.argv[1]))
