"""The words that users read for the codes of the domain (domain.md), in one place for every service."""

from __future__ import annotations

from dataclasses import dataclass

from shared.pages.language import LazyText
from shared.pages.language import lazy_gettext as _

ROLES = {
    "director": _("Director"),
    "salesperson": _("Salesperson"),
    "sales_clerk": _("Sales clerk"),
    "department_manager": _("Department manager"),
    "branch_manager": _("Branch manager"),
    "finance": _("Finance"),
    "warehouse_keeper": _("Warehouse keeper"),
    "technical_support": _("Technical support"),
    "leadership": _("Leadership"),
    "administrator": _("Administrator"),
    "auditor": _("Auditor"),
}
SEATS = {
    "CAE": _("Client Administrative Executive (CAE)"),
    "AM": _("Account Manager (AM)"),
    "AD": _("Account Director (AD)"),
}
PARTS = {
    "company_basics": _("Company basics"),
    "business_philosophy": _("Business philosophy"),
    "market_status": _("Market status"),
    "marketing_plan": _("Marketing plans"),
    "competitor": _("Competitors"),
    "dealer": _("Dealers"),
    "end_user": _("End users"),
    "product": _("Product knowledge"),
}
METHODS = {
    "intelligence": _("Intelligence method"),
    "interview": _("Interview method"),
    "survey": _("Survey method"),
}
PRINCIPLES = {
    "truthfulness": _("Truthfulness"),
    "accuracy": _("Accuracy"),
    "timeliness": _("Timeliness"),
    "completeness": _("Completeness"),
    "confidentiality": _("Confidentiality"),
}
KINDS = {
    "client": _("Client"),
    "finding": _("Finding"),
    "source": _("Source"),
    "document": _("Document"),
    "person": _("Person"),
    "wall": _("Conflict wall"),
    "proposal": _("Proposal"),
    "crisis": _("Crisis"),
    "campaign": _("Campaign"),
}
VISIBILITIES = {"directory": _("Listed for all colleagues"), "team": _("Only its team")}
RELIABILITY = {
    "A": _("Completely reliable"),
    "B": _("Usually reliable"),
    "C": _("Fairly reliable"),
    "D": _("Not usually reliable"),
    "E": _("Unreliable"),
    "F": _("Reliability cannot be judged"),
}
CREDIBILITY = {
    "1": _("Confirmed by other independent sources"),
    "2": _("Probably true"),
    "3": _("Possibly true"),
    "4": _("Doubtful"),
    "5": _("Improbable"),
    "6": _("Truth cannot be judged"),
}
LABELS = {
    "TLP:RED": _("Named recipients only"),
    "TLP:AMBER+STRICT": _("The organisation only"),
    "TLP:AMBER": _("The organisation and its clients, need to know"),
    "TLP:GREEN": _("The community"),
    "TLP:CLEAR": _("No limit on disclosure"),
}


@dataclass(frozen=True, slots=True)
class State:
    """A state's word and the tone of its badge."""

    text: LazyText
    tone: str


STATES = {
    "draft": State(_("Draft"), "secondary"),
    "submitted": State(_("Submitted"), "blue"),
    "verified": State(_("Verified"), "green"),
    "disputed": State(_("Disputed"), "orange"),
    "retracted": State(_("Retracted"), "red"),
    "superseded": State(_("Superseded"), "secondary"),
    "corrected": State(_("Corrected"), "secondary"),
    "expired": State(_("Expired"), "secondary"),
    "active": State(_("Active"), "green"),
    "inactive": State(_("Inactive"), "secondary"),
    "prospect": State(_("Prospect"), "blue"),
    "former": State(_("Former"), "secondary"),
    "employed": State(_("Employed"), "green"),
    "invited": State(_("Invited"), "blue"),
    "left": State(_("Left"), "secondary"),
    "lifted": State(_("Lifted"), "secondary"),
    "pending": State(_("Pending"), "blue"),
    "running": State(_("Running"), "blue"),
    "done": State(_("Done"), "green"),
    "failed": State(_("Failed"), "red"),
    "in_review": State(_("In review"), "blue"),
    "approved": State(_("Approved"), "green"),
    "sent": State(_("Sent"), "purple"),
    "presented": State(_("Presented"), "purple"),
    "renegotiating": State(_("Renegotiating"), "orange"),
    "accepted": State(_("Accepted"), "green"),
    "declined": State(_("Declined"), "red"),
    "adopted": State(_("Adopted"), "green"),
    "rejected": State(_("Rejected"), "red"),
    "withdrawn": State(_("Withdrawn"), "secondary"),
    "go": State(_("Taking part"), "blue"),
    "no_go": State(_("Not taking part"), "secondary"),
    "briefed": State(_("Briefed"), "blue"),
    "strategy": State(_("Strategy"), "blue"),
    "creative": State(_("Creative work"), "blue"),
    "rehearsal": State(_("Rehearsal"), "purple"),
    "shortlisted": State(_("Short-listed"), "purple"),
    "won": State(_("Won"), "green"),
    "lost": State(_("Lost"), "red"),
    "debriefed": State(_("Debriefed"), "secondary"),
}
TERMS: dict[str, dict[str, LazyText]] = {
    "role": ROLES,
    "seat": SEATS,
    "part": PARTS,
    "method": METHODS,
    "principle": PRINCIPLES,
    "kind": KINDS,
    "visibility": VISIBILITIES,
    "reliability": RELIABILITY,
    "credibility": CREDIBILITY,
    "label": LABELS,
}


def term(code: object, vocabulary: str) -> str:
    """The word for a code, such as `term("sales_clerk", "role")`; an unknown code is shown as it is."""
    found = TERMS[vocabulary].get(str(code))
    return str(code) if found is None else str(found)


def choices(vocabulary: str) -> list[tuple[str, str]]:
    """A vocabulary as (code, word) pairs, for a select."""
    return [(code, str(word)) for code, word in TERMS[vocabulary].items()]
