"""State machines as data: which verb leads from where to where, who may, and what it needs."""

from __future__ import annotations

from dataclasses import dataclass

from shared.problem import conflict, invalid


@dataclass(frozen=True, slots=True)
class Transition:
    """A verb of a workflow. `action` names the access rule; `needs_reason`: refused without one."""

    verb: str
    sources: frozenset[str]
    target: str
    action: str
    needs_reason: bool = False


@dataclass(frozen=True, slots=True)
class Workflow:
    """The whole of a state machine; drawn on screens and enforced here."""

    name: str
    initial: str
    transitions: tuple[Transition, ...]

    @property
    def states(self) -> list[str]:
        """Every state, the initial one first, in order of appearance."""
        found = [self.initial]
        for transition in self.transitions:
            found += [s for s in (*sorted(transition.sources), transition.target) if s not in found]
        return found

    def verbs(self, state: str) -> list[Transition]:
        """The transitions that lead out of a state."""
        return [transition for transition in self.transitions if state in transition.sources]

    def step(self, state: str, verb: str, reason: str = "") -> Transition:
        """The transition for a verb. Raises 409 in another state, 422 when its reason is missing."""
        transition = next((t for t in self.transitions if t.verb == verb), None)
        if transition is None or state not in transition.sources:
            raise conflict(
                "“%(verb)s” is not possible in the state “%(state)s”.", "wrong-state", verb=verb, state=state
            )
        if transition.needs_reason and not reason.strip():
            raise invalid({"reason": "Say why: this step needs a reason."})
        return transition


def transition(
    verb: str, sources: str, target: str, action: str, *, needs_reason: bool = False
) -> Transition:
    """A transition; `sources` are state names separated by spaces."""
    return Transition(verb, frozenset(sources.split()), target, action, needs_reason)
