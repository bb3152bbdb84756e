"""``python -m mobilenet_np`` is the command ``mobilenet-np``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
