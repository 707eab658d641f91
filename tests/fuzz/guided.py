"""Fuzz every parser, guided by what code an input reaches (atheris). Ends at the first input that breaks one.

Usage: python -m tests.fuzz.guided CORPUS_DIRECTORY -runs=N -max_total_time=SECONDS
"""

import sys
from pathlib import Path

import atheris

from tests.fuzz.inputs import seeds

with atheris.instrument_imports(include=["integrations", "worker"]):
    from tests.fuzz.parsers import PARSERS

#: Inputs that broke a parser are left here; one that is mended becomes a seed in `corpus`.
FOUND = Path(__file__).parents[2] / "build" / "fuzz"

_PARSERS = [PARSERS[name] for name in sorted(PARSERS)]


def try_one(data: bytes) -> None:
    """The first byte chooses the parser."""
    if data:
        _PARSERS[data[0] % len(_PARSERS)].survives(data[1:])


def main() -> None:
    """Begin with the seeds, each before its parser."""
    directory = Path(sys.argv[1])
    for place, parser in enumerate(_PARSERS):
        for number, seed in enumerate(seeds(parser.kind)):
            (directory / f"seed-{place}-{number}").write_bytes(bytes([place]) + seed)
    FOUND.mkdir(parents=True, exist_ok=True)
    # left alone, it puts them where it was started
    atheris.Setup([*sys.argv, f"-artifact_prefix={FOUND}/"], try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
