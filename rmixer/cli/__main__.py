"""``python -m rmixer.cli``."""

from rmixer.cli import main

main()
