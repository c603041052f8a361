"""`python -m serverkit_cli` is `serverkit`."""

from serverkit_cli.entry import main

if __name__ == "__main__":
    main()
