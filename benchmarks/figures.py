"""Figures: pairs of samples taken in turn, their medians and ratio, and the table of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Figure:
    """One quantity measured both ways, once per round."""

    measure: str
    quantity: str
    unit: str
    this: str
    that: str
    these: Sequence[float]
    those: Sequence[float]

    def ratios(self) -> list[float]:
        """Return this by that of each round: what slowed the machine in a round slowed both."""
        return [this / that for this, that in zip(self.these, self.those, strict=True)]

    def summary(self) -> dict[str, float]:
        """Return medians, and the extremes of the ratio."""
        ratios = self.ratios()
        return {
            "this_median": median(self.these),
            "that_median": median(self.those),
            "ratio": median(ratios),
            "ratio_least": min(ratios),
            "ratio_most": max(ratios),
        }


@dataclass(slots=True)
class Report:
    """What a run found. `lost` makes it fail; a remark only explains."""

    figures: list[Figure] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def expect(self, what: str, *, found: int, wanted: int) -> None:
        """Note a loss, or a surplus, of what was accepted."""
        if found != wanted:
            self.lost.append(f"{what}: {found} of {wanted}")


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the smallest sample that is at least as large as this share of all."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as aligned plain text."""
    lines: list[tuple[str, ...]] = [
        ("measure", "quantity", "unit", "this", "", "that", "", "this/that", "rounds from-to")
    ]
    lines += [_line(figure) for figure in figures]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    ruled = [lines[0], tuple("-" * width for width in widths), *lines[1:]]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in ruled
    )


def _line(figure: Figure) -> tuple[str, ...]:
    found = figure.summary()
    return (
        figure.measure,
        figure.quantity,
        figure.unit,
        figure.this,
        _short(found["this_median"]),
        figure.that,
        _short(found["that_median"]),
        f"{found['ratio']:.2f}",
        f"{found['ratio_least']:.2f}-{found['ratio_most']:.2f}",
    )


def _short(number: float) -> str:
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"  # noqa: PLR2004 - three digits are enough
