"""``python -m dtmf_audio``: the command line."""

import sys

from dtmf_audio.cli import main

sys.exit(main())
