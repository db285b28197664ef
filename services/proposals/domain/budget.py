"""Budget tables in decimal arithmetic: exact to the cent, each line rounded once, halves away from zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

CENT = Decimal("0.01")
HUNDRED = Decimal(100)


def cents(value: Decimal) -> Decimal:
    """An amount to the cent, halves away from zero."""
    return value.quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Line:
    """One line: so many at a price each, less a discount in per cent."""

    item: str
    quantity: Decimal
    unit_price: Decimal
    discount_percent: Decimal = Decimal(0)

    @property
    def gross(self) -> Decimal:
        """Before the discount."""
        return cents(self.quantity * self.unit_price)

    @property
    def net(self) -> Decimal:
        """After the discount."""
        return cents(self.gross - self.gross * self.discount_percent / HUNDRED)


@dataclass(frozen=True, slots=True)
class Budget:
    """A table of lines with one rate of tax, in the agency's currency."""

    lines: tuple[Line, ...] = ()
    tax_percent: Decimal = Decimal(0)

    @property
    def gross(self) -> Decimal:
        """What the lines come to before discounts."""
        return sum((line.gross for line in self.lines), Decimal("0.00"))

    @property
    def net(self) -> Decimal:
        """What the lines come to after discounts, without tax: the proposal's amount."""
        return sum((line.net for line in self.lines), Decimal("0.00"))

    @property
    def discount(self) -> Decimal:
        """What is given away."""
        return self.gross - self.net

    @property
    def discount_percent(self) -> Decimal:
        """What is given away, as an exact share of the gross in per cent: rules must not round it away."""
        return self.discount * HUNDRED / self.gross if self.gross else Decimal(0)

    @property
    def tax(self) -> Decimal:
        """The tax on the net."""
        return cents(self.net * self.tax_percent / HUNDRED)

    @property
    def total(self) -> Decimal:
        """What the client pays."""
        return self.net + self.tax

    def to_json(self) -> dict[str, Any]:
        """As it is stored and hashed: decimals as plain strings without idle zeros."""
        return {
            "tax_percent": plain(self.tax_percent),
            "lines": [
                {
                    "item": line.item,
                    "quantity": plain(line.quantity),
                    "unit_price": plain(line.unit_price),
                    "discount_percent": plain(line.discount_percent),
                }
                for line in self.lines
            ],
        }

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Budget:
        """What `to_json` wrote."""
        return cls(
            lines=tuple(_line(line) for line in _items(stored.get("lines"))),
            tax_percent=Decimal(str(stored.get("tax_percent", "0"))),
        )


def _items(found: object) -> Iterable[Mapping[str, Any]]:
    return found if isinstance(found, list) else ()


def _line(line: Mapping[str, Any]) -> Line:
    return Line(
        item=line["item"],
        quantity=Decimal(str(line["quantity"])),
        unit_price=Decimal(str(line["unit_price"])),
        discount_percent=Decimal(str(line.get("discount_percent", "0"))),
    )


def plain(value: Decimal) -> str:
    """A decimal as a string that is the same for equal values: no exponent, no idle zeros."""
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("", "-0") else text
