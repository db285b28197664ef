"""What every service shows of itself: its audit trail, and a readable reference of its API."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Blueprint, Flask, current_app, render_template
from flask_smorest import Api
from sqlalchemy import Select, select

from shared import http
from shared.pages import Pages, public
from shared.problem import forbidden
from shared.tables import AuditRow

PANEL_ENTRIES = 20
METHODS = ("get", "post", "put", "patch", "delete")


class AuditQuery(http.PageArgs):
    """Which entries of the audit trail."""

    person = ma.fields.String(load_default="", validate=ma.validate.Length(0, 64))
    action = ma.fields.String(load_default="", validate=ma.validate.Length(0, 64))
    subject = ma.fields.String(load_default="", validate=ma.validate.Length(0, 64))


class AuditEntry(ma.Schema):
    """One entry: who did what to what, and its place in the chain (none for a second or so after it)."""

    id = ma.fields.Integer(required=True)
    at = http.Instant(required=True)
    actor = ma.fields.String(required=True)
    action = ma.fields.String(required=True)
    subject = ma.fields.String(required=True)
    details = ma.fields.Dict(required=True)
    number = ma.fields.Integer(required=True, allow_none=True)
    hash = ma.fields.String(required=True, allow_none=True)


def install(app: Flask, api: Api, service: str) -> None:
    """Add both to a service's app."""
    api.register_blueprint(_audit_api(), url_prefix=f"/{service}/v1")
    app.register_blueprint(_screens(service, api))


def _audit_api() -> http.ApiBlueprint:
    blueprint = http.ApiBlueprint("audit", "The audit trail of this service.")

    @blueprint.route("/audit", methods=["GET"])
    @blueprint.arguments(AuditQuery, location="query")
    @blueprint.response(200, http.page_of(AuditEntry))
    def read_audit(args: dict[str, Any]) -> dict[str, Any]:
        """The entries, newest first. For auditors and administrators."""
        _require_auditor()
        limit, cursor = args.pop("limit"), args.pop("cursor")
        return http.paginate(
            http.reader(), _entries(**args), [AuditRow.id], limit=limit, cursor=cursor, newest_first=True
        )

    return blueprint


def _screens(service: str, api: Api) -> Blueprint:
    screens = Pages(service, __name__, name="supervision")
    prefix = "/portal" if service == "portal" else ""

    @screens.get(f"{prefix}/panels/audit")
    def audit_panel() -> str:
        """The newest entries, as a part of the page `/audit`."""
        _require_auditor()
        book = http.actor().book
        rows = http.reader().scalars(_entries().order_by(AuditRow.id.desc()).limit(PANEL_ENTRIES))
        return render_template("audit_panel.html", rows=list(rows), book=book)

    @screens.get(f"{prefix}/v1/docs")
    @public
    def reference() -> str:
        """The service's operations, made from its OpenAPI document."""
        document = api.spec.to_dict()
        return render_template(
            "reference.html",
            title=current_app.config["API_TITLE"],
            description=document["info"]["description"],
            operations=_operations(document),
        )

    return screens


def _require_auditor() -> None:
    if not http.actor().may("audit.read"):
        raise forbidden()


def _entries(person: str = "", action: str = "", subject: str = "") -> Select[AuditRow]:
    query = select(AuditRow)
    for column, value in ((AuditRow.actor, person), (AuditRow.action, action), (AuditRow.subject, subject)):
        if value:
            query = query.where(column == value)
    return query


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    schemas = document.get("components", {}).get("schemas", {})
    return [
        {
            "name": f"{method.upper()} {path}",
            "summary": operation.get("summary") or operation.get("description", ""),
            "parameters": [
                {
                    "name": parameter["name"],
                    "place": parameter["in"],
                    "required": parameter.get("required", False),
                    "description": parameter.get("description", ""),
                    "values": _values(parameter.get("schema", {})),
                }
                for parameter in (*item.get("parameters", ()), *operation.get("parameters", ()))
            ],
            "fields": _fields(operation, schemas),
        }
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def _fields(operation: dict[str, Any], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = content.get("schema", {})
        schema = schemas.get(schema.get("$ref", "").rpartition("/")[2], schema)
        for name, field in schema.get("properties", {}).items():
            required = name in schema.get("required", ())
            found.append({"name": name, "required": required, "values": _values(field)})
    return found


def _values(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"] if value not in (None, ""))
    kind = schema.get("type", "")
    return kind if isinstance(kind, str) else ", ".join(kind)
