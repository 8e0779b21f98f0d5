"""`python -m console` is `warenfluss`."""

from console.cli import main

main()
