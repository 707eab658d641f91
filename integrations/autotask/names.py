"""Names for the numbers in Autotask's records: picklists, companies, and the people called resources."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from integrations.answers import Answer
from integrations.autotask.api import Api, where
from integrations.autotask.cache import TimedCache
from integrations.autotask.mapping import Company, Model, Record, Resource, Written, read_record
from integrations.autotask.zones import ZONE_LIFETIME_SECONDS, Zone
from integrations.errors import AmbiguousError, PayloadError, RejectedError, UnreachableError
from integrations.redaction import safe_text

#: Names are changed a few times a year; a number that is not among them has them read again at once.
NAME_LIFETIME_SECONDS = 15 * 60.0
#: Kept entries, all connections together.
MAX_PICKLISTS, MAX_PEOPLE, MAX_COMPANIES, MAX_ZONES = 256, 4096, 4096, 1024
#: Developer help, "Query operators": a filter takes at most 500 values.
MAX_VALUES = 500

Scope = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a picklist."""

    value: int
    label: str
    active: bool


Picklists = dict[str, tuple[Choice, ...]]


def _names(most: int) -> TimedCache[Any, Any]:
    return TimedCache(lifetime_seconds=NAME_LIFETIME_SECONDS, most=most)


@dataclass(frozen=True, slots=True)
class Memory:
    """What the clients of this process remember, each under its own connection. No secret is in it."""

    zones: TimedCache[Scope, Zone] = field(
        default_factory=lambda: TimedCache(lifetime_seconds=ZONE_LIFETIME_SECONDS, most=MAX_ZONES)
    )
    picklists: TimedCache[Scope, Picklists] = field(default_factory=lambda: _names(MAX_PICKLISTS))
    people: TimedCache[tuple[Scope, int], str] = field(default_factory=lambda: _names(MAX_PEOPLE))
    companies: TimedCache[tuple[Scope, int], str] = field(default_factory=lambda: _names(MAX_COMPANIES))


class Names:
    """The names of one connection's tenant."""

    def __init__(self, api: Api, memory: Memory, scope: Scope) -> None:
        self._api = api
        self._memory = memory
        self._scope = scope

    def label(self, entity: str, name: str, value: int | None) -> str | None:
        """Return the label of a picklist's value, read again where the value is new."""
        if value is None:
            return None
        known = _labels(self._picklists(entity), name)
        if value not in known:
            known = _labels(self._read_picklists(entity), name)
        return known.get(value)

    def value(self, entity: str, name: str, label: str) -> int:
        """Return the active value of that label. Raises RejectedError, which names those there are."""
        wanted = label.strip().casefold()
        choices = [choice for choice in self._picklists(entity).get(name.lower(), ()) if choice.active]
        for choice in choices:
            if choice.label.casefold() == wanted:
                return choice.value
        known = ", ".join(choice.label for choice in choices) or "none"
        raise RejectedError(safe_text(f"Autotask has no {name} {label}; it has: {known}"))

    def choices(self, entity: str, name: str) -> tuple[Choice, ...]:
        """Return a picklist's values."""
        return self._picklists(entity).get(name.lower(), ())

    def company(self, company_id: int | None) -> str | None:
        """Return the company's name; None where there is none, or no right to read it."""
        if company_id is None:
            return None
        name = self._memory.companies.get((self._scope, company_id))
        if name is None:
            found = self._api.item(f"/Companies/{company_id}")
            name = (record(Company, found).company_name if found is not None else None) or ""
            self._memory.companies.put((self._scope, company_id), name)
        return name or None

    def people(self, resource_ids: Iterable[int | None]) -> dict[int, str]:
        """Return the user name of each resource; its number where Autotask shows no more of it."""
        wanted = sorted({resource_id for resource_id in resource_ids if resource_id is not None})
        missing = [one for one in wanted if self._memory.people.get((self._scope, one)) is None]
        for start in range(0, len(missing), MAX_VALUES):
            self._read_people(missing[start : start + MAX_VALUES])
        return {one: self._memory.people.get((self._scope, one)) or str(one) for one in wanted}

    def resource_id(self, member: str) -> int:
        """Return the resource with that user name, e-mail or number. Raises RejectedError."""
        if member.isascii() and member.isdecimal():
            return int(member)
        for name in ("userName", "email"):
            found = [record(Resource, item) for item in self._api.query("Resources", [where(name, member)])]
            if found:
                return found[0].id
        raise RejectedError(safe_text(f"Autotask has no resource {member}: check the user's --psa-member"))

    def _read_people(self, resource_ids: list[int]) -> None:
        listed = self._api.query("Resources", [where("id", resource_ids, "in")], ["id", "userName", "email"])
        found = {resource.id: resource.name for resource in (record(Resource, item) for item in listed)}
        for one in resource_ids:
            self._memory.people.put((self._scope, one), found.get(one, str(one)))

    def _picklists(self, entity: str) -> Picklists:
        return self._memory.picklists.get((*self._scope, entity)) or self._read_picklists(entity)

    def _read_picklists(self, entity: str) -> Picklists:
        fields = record(_Fields, self._api.read(f"/{entity}/entityInformation/fields")).fields
        picklists = {one.name.lower(): _choices(one) for one in fields if one.picklist_values}
        self._memory.picklists.put((*self._scope, entity), picklists)
        return picklists


class _Value(Record):
    """Values come as texts ("8"), also those of whole numbers."""

    value: str
    label: str = ""
    is_active: bool = True


class _Field(Record):
    name: str
    picklist_values: list[_Value] | None = None


class _Fields(Record):
    fields: list[_Field]


def record(model: type[Model], value: Any) -> Model:
    """Return the record; UnreachableError where the answer is not of its shape."""
    try:
        return read_record(model, value)
    except PayloadError as error:
        raise UnreachableError(str(error)) from None


def written_id(answer: Answer) -> int:
    """Return the id that a write answers with; AmbiguousError where it names none."""
    try:
        return read_record(Written, answer.json()).item_id
    except PayloadError:
        raise AmbiguousError(f"HTTP {answer.status}: the answer names no record") from None


def _choices(one: _Field) -> tuple[Choice, ...]:
    return tuple(
        Choice(int(value.value), value.label, value.is_active)
        for value in one.picklist_values or ()
        if value.value.isdecimal()
    )


def _labels(picklists: Picklists, name: str) -> dict[int, str]:
    return {choice.value: choice.label for choice in picklists.get(name.lower(), ())}
