"""What may be said of proposals: read alike from programs and from forms."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import marshmallow as ma

from services.proposals.domain import content, workflows
from services.proposals.domain.budget import Budget, Line
from services.proposals.domain.templates import LANGUAGES
from shared import access, http

MOST = 1_000_000_000
LINES = 200


def identifier(**kwargs: Any) -> ma.fields.String:
    """A field that holds an id."""
    return http.Text(longest=36, shortest=1, **kwargs)


class Exact(ma.fields.Decimal):
    """A decimal between bounds with at most so many places; written as a string."""

    def __init__(self, low: int, high: int, places: int, **kwargs: Any) -> None:
        described = {"type": "string"} | kwargs.pop("metadata", {})
        super().__init__(as_string=True, metadata=described, **kwargs)
        # Not as a validator, which would be described as bounds of a number.
        self._between = ma.validate.Range(low, high)
        self._most_places = places

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:
        if isinstance(value, float):
            value = repr(value)
        found = super()._deserialize(value, attr, data, **kwargs)
        self._between(found)
        exponent = found.normalize().as_tuple().exponent
        if not isinstance(exponent, int) or -exponent > self._most_places:
            raise ma.ValidationError("Use fewer decimal places.")
        return found


class Money(ma.fields.Field[Decimal]):
    """An amount in the agency's currency: `{"amount": "1234.50", "currency": "CNY"}`, never negative."""

    def __init__(self, **kwargs: Any) -> None:
        described = {
            "type": "object",
            "properties": {"amount": {"type": "string"}, "currency": {"type": "string"}},
        }
        super().__init__(metadata=described | kwargs.pop("metadata", {}), **kwargs)
        self._amount = Exact(0, MOST, 2)

    def _serialize(self, value: Decimal | None, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        if value is None:
            return None
        return {"amount": f"{value:.2f}", "currency": http.runtime().settings.currency}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:
        own = http.runtime().settings.currency
        if not isinstance(value, dict) or not isinstance(value.get("amount"), str):
            raise ma.ValidationError('Write money as {"amount": "1234.50", "currency": "CNY"}.')
        if value.get("currency", own) != own:
            raise ma.ValidationError("Budgets are kept in the agency's own currency.")
        return Decimal(self._amount.deserialize(value["amount"]) or 0)


class Whole(ma.fields.Nested):
    """A part that is given whole, also where its owner is given in part (marshmallow would hand that
    down).
    """

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, partial: Any = None, **kwargs: Any
    ) -> Any:
        return super()._deserialize(value, attr, data, partial=False, **kwargs)


class LineFields(ma.Schema):
    """One line of a budget."""

    item = http.Text(longest=300, shortest=1, required=True)
    quantity = Exact(0, 1_000_000, 4, load_default=Decimal(1))
    unit_price = Money(required=True)
    discount_percent = Exact(0, 100, 2, load_default=Decimal(0))


class BudgetFields(ma.Schema):
    """A budget: lines with one rate of tax, in the agency's currency."""

    lines = ma.fields.List(Whole(LineFields), load_default=list, validate=ma.validate.Length(0, LINES))
    tax_percent = Exact(0, 100, 2, load_default=Decimal(0))

    @ma.post_load
    def _reckon(self, data: dict[str, Any], **_: Any) -> Budget:
        return Budget(tuple(Line(**line) for line in data["lines"]), data["tax_percent"])


class SectionFields(ma.Schema):
    """A section. Without an `id` it is recognised by its heading, else it is new."""

    class Meta:
        unknown = ma.EXCLUDE

    id = identifier()
    heading = http.Text(longest=300, shortest=1, required=True)
    body = http.Text(longest=content.BODY_LIMIT, load_default="")
    citations = ma.fields.List(
        identifier(), load_default=list, validate=ma.validate.Length(0, content.CITATIONS)
    )


class ProposalFields(ma.Schema):
    """What may be said of a proposal."""

    kind = http.Choice(workflows.KINDS, required=True)
    client_id = identifier(load_default=None, allow_none=True)
    title = http.Text(longest=300, shortest=1, required=True)
    language = http.Choice(LANGUAGES, load_default="zh")
    label = http.Choice(access.LABELS, load_default=access.STRICT)
    recipients = ma.fields.List(identifier(), load_default=list, validate=ma.validate.Length(0, 100))
    owner_id = identifier(load_default=None, allow_none=True)
    due_at = http.Instant(dates=True, load_default=None, allow_none=True)
    valid_until = ma.fields.Date(load_default=None, allow_none=True)
    probability = ma.fields.Integer(
        strict=True, load_default=None, allow_none=True, validate=ma.validate.Range(0, 100)
    )
    budget = Whole(BudgetFields, load_default=Budget)
    sections = ma.fields.List(
        Whole(SectionFields), load_default=list, validate=ma.validate.Length(0, content.SECTIONS)
    )

    @ma.post_load
    def _once(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        if "recipients" in data:
            data["recipients"] = list(dict.fromkeys(data["recipients"]))
        return data


class ThresholdFields(ma.Schema):
    """From which net amount, or above which discount in per cent, a rule asks for its approval."""

    amount_from = Money()
    discount_over = Exact(0, 100, 2)


class CriterionFields(ma.Schema):
    """One criterion of a pitch; the weights sum to 100."""

    name = http.Text(longest=100, shortest=1, required=True)
    weight = ma.fields.Integer(strict=True, required=True, validate=ma.validate.Range(1, 100))


class PitchFields(ma.Schema):
    """What may be said of a pitch besides its proposal."""

    brief = http.Text(longest=content.BODY_LIMIT)
    incumbent = ma.fields.Boolean()
    competitors = ma.fields.List(http.Text(longest=200, shortest=1), validate=ma.validate.Length(0, 30))
    criteria = ma.fields.List(Whole(CriterionFields), validate=ma.validate.Length(1, 20))


class JudgementFields(ma.Schema):
    """Whether to take part in a pitch, and what is expected of it."""

    decision = http.Choice(("go", "no_go"), required=True)
    probability = ma.fields.Integer(strict=True, required=True, validate=ma.validate.Range(0, 100))
    expected_margin = Money(required=True)
    expected_cost = Money(required=True)
    reason = http.Text(longest=4000, load_default="")


class SpentFields(ma.Schema):
    """Hours and expenses of a pitch."""

    on = ma.fields.Date(required=True)
    hours = Exact(0, 10_000, 2, load_default=Decimal(0))
    hour_rate = Money()
    expenses = Money()
    note = http.Text(longest=500, load_default="")

    @ma.post_load
    def _nothing(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"hour_rate": Decimal(0), "expenses": Decimal(0)} | data
