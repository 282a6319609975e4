"""``python -m maitred``: the command line, where its script is not on the PATH."""

from maitred.cli import main

if __name__ == "__main__":
    main()
