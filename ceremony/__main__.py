"""`python -m ceremony`."""

from ceremony.cli import main

if __name__ == "__main__":
    main()
