"""`python -m console` is `warenfluss`."""

from console.cli.app import main

main()
