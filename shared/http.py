"""The HTTP conventions of every service: app factory, transactions, idempotency, problems, paging.

One request is one transaction: `uow()` opens it at its first use, which is after the body was parsed, and the
app commits it when the answer is a success and rolls it back otherwise.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, cast

import marshmallow as ma
import orjson
import structlog
from flask import Flask, Response, current_app, g, has_request_context, make_response, request
from flask.json.provider import JSONProvider
from flask_smorest import Api
from flask_smorest import Blueprint as SmorestBlueprint
from flask_smorest.utils import prepare_response
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import Select, literal, select, tuple_
from sqlalchemy.exc import DataError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from shared import access, clock, sealing, telemetry, tokens
from shared.db import is_full, is_locked, new_id
from shared.problem import Problem, invalid, missing
from shared.tables import IdempotencyRow, InboxRow
from shared.uow import UnitOfWork

if TYPE_CHECKING:
    from shared.service import Runtime

PROBLEM_TYPE = "application/problem+json"
TOKEN_HEADER = "ACM-Token"
WAIT_HEADER = "ACM-Wait-For"
WAIT_SECONDS = 5.0
WAIT_STEP_SECONDS = 0.01
BODY_LIMIT_BYTES = 1_000_000
TEXT_LIMIT = 64_000
_SEALED, _SEALED_ANSWER = "sealed", "kept answer"
log = structlog.get_logger("http")

# Characters that no field may hold: PostgreSQL refuses NUL, and JSON cannot carry half a surrogate pair.
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


# --- the request's own things ------------------------------------------------------------------------------


def runtime() -> Runtime:
    """The running service that answers this request."""
    return cast("Runtime", current_app.extensions["acm"])


def actor() -> access.Actor:
    """Who is asking. Raises 401 when nobody is signed in."""
    who: access.Actor | None = g.get("actor")
    if who is None:
        raise Problem(401, "unauthenticated", "Sign in first.")
    return who


def reader() -> Session:
    """A session for reading, one per request. After `uow()` was used it is the transaction's own."""
    if "uow" in g:
        return cast(UnitOfWork, g.uow).session
    if "reader" not in g:
        g.reader = _stack().enter_context(runtime().database.read())
    return cast(Session, g.reader)


def uow() -> UnitOfWork:
    """The request's transaction, opened now if it was not yet.

    Who is acting is looked up again inside it, so that a permission taken away meanwhile counts. A repeated
    Idempotency-Key answers what was answered before.
    """
    if "uow" not in g:
        running = runtime()
        session = _stack().enter_context(running.database.write())
        now = clock.now()
        who = _acting_in(session, now)
        g.uow = UnitOfWork(session, now, who, None, g.trace)
        if who is not None:
            g.actor = who
        _begin_idempotent(g.uow)
    return cast(UnitOfWork, g.uow)


def _stack() -> ExitStack:
    if "stack" not in g:
        g.stack = ExitStack()
    return cast(ExitStack, g.stack)


def _acting_in(session: Session, now: datetime) -> access.Actor | None:
    known: access.Actor | None = g.get("actor")
    if known is None:
        return None
    book = runtime().book(session, now)
    claims = _claims(book, now)
    if claims is None:
        raise Problem(401, "unauthenticated", "Sign in first.")
    return _actor_for(book, claims, now)


def _claims(book: access.Book, now: datetime) -> tokens.Claims | None:
    header = request.headers.get("Authorization", "")
    if header:
        scheme, _, token = header.partition(" ")
        return tokens.verify(token.strip(), book, now) if scheme.lower() == "bearer" else None
    cookie = request.cookies.get(tokens.session_cookie(runtime().settings.tls), "")
    return tokens.verify(cookie, book, now) if cookie else None


def _actor_for(book: access.Book, claims: tokens.Claims, now: datetime) -> access.Actor | None:
    return access.actor(book, claims.person_id, now, session_id=claims.id, can_write=claims.can_write)


# --- idempotency -------------------------------------------------------------------------------------------


class _Answered(Exception):
    """The request was answered before; `response` is what was answered."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def idempotency_key() -> str:
    """The key of this request, from the header or, for forms, from the hidden field; empty when none."""
    key = request.headers.get("Idempotency-Key", "")
    if not key and request.mimetype in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        key = request.form.get("idempotency_key", "")
    return key


def _begin_idempotent(unit: UnitOfWork) -> None:
    key = idempotency_key()
    if not key or request.method != "POST":
        return
    if len(key) > 200:
        raise Problem(400, "bad-idempotency-key", "An Idempotency-Key has at most 200 characters.")
    fingerprint = _fingerprint()
    kept = unit.session.get(IdempotencyRow, (unit.actor_id, key))
    if kept is None:
        g.idempotent = IdempotencyRow(actor=unit.actor_id, key=key, request=fingerprint, at=unit.now)
        unit.session.add(g.idempotent)
        unit.session.flush()
    elif kept.request != fingerprint:
        raise Problem(
            422,
            "idempotency-key-reused",
            "This Idempotency-Key was used for another request; take a new one.",
        )
    else:
        raise _Answered(_kept_answer(kept))


def _fingerprint() -> str:
    form = sorted((k, v) for k, v in request.form.items(multi=True) if k not in {"csrf_token"})
    body = repr(form).encode() if form else request.get_data()
    # Keyed, because the body may hold a password, which a plain digest would give away to guessing.
    sent = b"\0".join([request.method.encode(), request.full_path.encode(), body])
    return hmac.new(runtime().settings.secret.encode(), sent, hashlib.sha256).hexdigest()


def keep_sealed() -> None:
    """This answer holds a secret: where it is kept for a repeated Idempotency-Key, keep it sealed."""
    g.keep_sealed = True


# --- app factory -------------------------------------------------------------------------------------------


def create_app(running: Runtime) -> Flask:
    """The web app of a service: API, pages, health and metrics under its own first path segment."""
    service = running.service
    app = Flask(service.package, static_folder=None, template_folder=None)
    app.extensions["acm"] = running
    app.json = _Json(app)
    app.url_map.strict_slashes = False
    proxies = running.settings.trusted_proxies
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies)  # type: ignore[method-assign]
    app.config.update(
        ACM_SETTINGS=running.settings,
        SECRET_KEY=running.settings.secret,
        MAX_CONTENT_LENGTH=BODY_LIMIT_BYTES,
        API_TITLE=f"ACM {service.name}",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX=f"/{service.name}/v1",
        OPENAPI_JSON_PATH="openapi.json",
    )
    app.before_request(_arrive)
    app.after_request(_leave)
    app.teardown_request(_close)
    app.register_error_handler(_Answered, lambda known: known.response)
    api = _Api(app, spec_kwargs={"info": {"description": service.description}})
    api.spec.components.security_scheme("token", {"type": "http", "scheme": "bearer"})
    for blueprint in service.api:
        api.register_blueprint(blueprint, url_prefix=f"/{service.name}/v1")
    _register_errors(app)
    telemetry.register(app, service.name)
    _install_screens(app, api, running)
    return app


def _install_screens(app: Flask, api: Api, running: Runtime) -> None:
    # Imported here: screens stand on these conventions and not the other way round.
    from shared import pages, supervision

    service = running.service
    pages.install(
        app, service=service.name, templates=service.folder / "templates", locale=service.folder / "locale"
    )
    for page in service.pages:
        app.register_blueprint(page)
    supervision.install(app, api, service.name)


def _arrive() -> None:
    g.started = time.perf_counter()
    g.trace = request.headers.get("X-Request-Id", "")[:64] or new_id()
    _refuse_nul()
    if request.endpoint in telemetry.OPEN_ENDPOINTS or (request.endpoint or "").endswith(".static"):
        return
    _identify()
    wait_for = request.headers.get(WAIT_HEADER, "")
    if wait_for and g.actor is not None:
        _wait_until_held(wait_for)
        reader().rollback()  # what was waited for is in a newer state than the one begun above
        _identify()


def _refuse_nul() -> None:
    # In an address no field looks at it, and databases differ: nothing can be kept under such a name.
    if "\0" in request.path:
        raise missing()
    if b"%00" in request.query_string:
        raise invalid(
            {name: "Remove the control characters." for name, v in request.args.items() if "\0" in v}
        )


def _identify() -> None:
    now = clock.now()
    book = runtime().book(reader(), now)
    claims = _claims(book, now)
    g.actor = _actor_for(book, claims, now) if claims else None


def _leave(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.get("trace", "")
    if "uow" not in g:
        return response
    unit: UnitOfWork = g.uow
    if response.status_code >= 400:
        _roll_back()
        return response
    if unit.emitted:
        response.headers[TOKEN_HEADER] = ",".join(
            f"{event.source}:{event.key}:{event.epoch}:{event.version}" for event in _newest(unit)
        )
    if "idempotent" in g:
        _keep_answer(g.idempotent, response)
    stack = _stack()
    del g.stack, g.uow
    try:
        stack.close()  # commits
    except OperationalError as error:
        return make_response(_answer_unavailable(error))
    if unit.emitted:
        runtime().committed(unit)
    return response


def _newest(unit: UnitOfWork) -> list[Any]:
    return list({(event.source, event.key): event for event in unit.emitted}.values())


def _keep_answer(row: IdempotencyRow, response: Response) -> None:
    row.status = response.status_code
    row.body = response.get_data(as_text=True)
    if "keep_sealed" in g:
        row.body = sealing.seal(row.body.encode(), secret=runtime().settings.secret, purpose=_SEALED_ANSWER)
    kept = ("Content-Type", "ETag", "Location", TOKEN_HEADER)
    row.headers = {name: response.headers[name] for name in kept if name in response.headers}
    row.headers |= {_SEALED: "1"} if "keep_sealed" in g else {}


def _kept_answer(row: IdempotencyRow) -> Response:
    headers, body = dict(row.headers), row.body
    if headers.pop(_SEALED, ""):
        body = sealing.unseal(body, secret=runtime().settings.secret, purpose=_SEALED_ANSWER).decode()
    response = make_response(body, row.status)
    response.headers.update(headers)
    return response


class _RollBack(Exception):
    """Makes the transaction's context roll back."""


def _roll_back() -> None:
    stack = g.pop("stack", None)
    g.pop("uow", None)
    g.pop("reader", None)
    if stack is not None:
        reason = _RollBack()
        try:
            stack.__exit__(_RollBack, reason, None)
        except (_RollBack, DBAPIError):
            return  # a connection that was lost has nothing left to roll back


def _close(_error: BaseException | None) -> None:
    # Whatever was not committed by now is not to be kept.
    _roll_back()


def _wait_until_held(header: str) -> None:
    """Wait, at most 5 s, until this service holds what the tokens name."""
    wanted = [_token(text) for text in header.split(",") if text.strip()]
    deadline = time.monotonic() + WAIT_SECONDS
    holds = runtime().service.holds or inbox_holds
    with runtime().waiting():
        while True:
            with runtime().database.read() as session:
                if all(_own(source) or holds(session, source, key, at) for source, key, at in wanted):
                    return
            if time.monotonic() >= deadline:
                return
            time.sleep(WAIT_STEP_SECONDS)


def _token(text: str) -> tuple[str, str, tuple[int, int]]:
    try:
        source, key, epoch, version = text.strip().split(":")
        return source, key, (int(epoch), int(version))
    except ValueError:
        raise Problem(
            400, "bad-token", f"{WAIT_HEADER} takes what a write answered as {TOKEN_HEADER}."
        ) from None


def _own(source: str) -> bool:
    running = runtime()
    return source.partition(".")[0] == running.service.name or source not in running.topics


def inbox_holds(session: Session, source: str, key: str, at: tuple[int, int]) -> bool:
    """Whether some consumer of this service has handled this version of a key."""
    query = select(InboxRow.epoch, InboxRow.version).where(InboxRow.source == source, InboxRow.key == key)
    return any((epoch, version) >= at for epoch, version in session.execute(query))


# --- errors ------------------------------------------------------------------------------------------------


def _register_errors(app: Flask) -> None:
    app.register_error_handler(Problem, _answer_problem)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(OperationalError, _answer_unavailable)
    app.register_error_handler(NoConnectionLeft, _answer_unavailable)
    app.register_error_handler(DataError, _answer_unstorable)
    app.register_error_handler(Exception, _answer_unexpected)


def _answer_http(error: HTTPException) -> Any:
    if error.code is not None and error.code < 400:
        return error  # a redirect
    return _answer_problem(_from_http(error))


def _from_http(error: HTTPException) -> Problem:
    status = error.code or 500
    messages = getattr(error, "data", {}).get("messages") if hasattr(error, "data") else None
    if messages:
        return invalid_fields(messages, status=status)
    if status == 404:
        return missing()
    kind = re.sub(r"[^a-z]+", "-", error.name.lower()).strip("-")
    return Problem(status, kind, error.name, detail=error.description or "")


def invalid_fields(messages: Mapping[str, Any], *, status: int = 422) -> Problem:
    """A refusal from marshmallow's messages, with field paths such as `recipients.0`."""
    flat: dict[str, str] = {}

    def walk(path: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for name, inner in value.items():
                walk(f"{path}.{name}" if path else str(name), inner)
        else:
            flat[path] = " ".join(map(str, value)) if isinstance(value, list) else str(value)

    for inner in messages.values():
        walk("", inner) if isinstance(inner, Mapping) else walk("body", inner)
    problem = invalid(flat)
    problem.status = status
    return problem


def is_api() -> bool:
    """Whether this request is a program's (its answers are JSON) and not a page's."""
    return f"{request.path}/".startswith(f"/{runtime().service.name}/v1/")


def _answer_problem(problem: Problem) -> Any:
    _roll_back()
    if not is_api():
        from shared import pages

        return pages.error_page(problem)
    return problem_response(problem)


def problem_response(problem: Problem) -> Response:
    """A problem as RFC 9457 JSON, in the reader's language."""
    from shared import pages

    say = pages.translate
    body: dict[str, Any] = {
        "type": f"urn:acm:problem:{problem.kind}",
        "title": say(problem.title, problem.values),
        "status": problem.status,
        "instance": g.get("trace", ""),
    }
    if problem.detail:
        body["detail"] = say(problem.detail, problem.values)
    if problem.errors:
        body["errors"] = [
            {"field": name, "message": say(message, problem.values)}
            for name, message in problem.errors.items()
        ]
    response = Response(orjson.dumps(body), status=problem.status, mimetype=PROBLEM_TYPE)
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _answer_unavailable(error: OperationalError | NoConnectionLeft) -> Any:
    log.error("database.unavailable", error=str(getattr(error, "orig", error)), trace=g.get("trace"))
    if isinstance(error, OperationalError) and is_full(error):
        return _answer_problem(
            Problem(507, "disk-full", "There is no room left to save this; nothing was changed.")
        )
    if isinstance(error, OperationalError) and is_locked(error) and idempotency_key():
        return _answer_problem(
            Problem(409, "still-running", "The first request with this key is still running.")
        )
    return _answer_problem(Problem(503, "unavailable", "The database cannot answer just now; try again."))


def _answer_unstorable(error: DataError) -> Any:
    log.warning("database.refused", error=str(error.orig), trace=g.get("trace"))
    return _answer_problem(Problem(422, "invalid", "The database cannot hold what was sent."))


def _answer_unexpected(error: Exception) -> Any:
    log.exception("request.failed", path=request.path, trace=g.get("trace"))
    return _answer_problem(Problem(500, "internal", "Something went wrong here; nothing was changed."))


# --- OpenAPI -----------------------------------------------------------------------------------------------


class ProblemItem(ma.Schema):
    """One field that needs attention."""

    field = ma.fields.String()
    message = ma.fields.String()


class ProblemSchema(ma.Schema):
    """RFC 9457 problem details."""

    type = ma.fields.String(required=True)
    title = ma.fields.String(required=True)
    status = ma.fields.Integer(required=True)
    detail = ma.fields.String()
    instance = ma.fields.String()
    errors = ma.fields.List(ma.fields.Nested(ProblemItem))


class _Api(Api):  # type: ignore[misc]
    """flask-smorest with problem details as its errors; our own handlers answer them."""

    ERROR_SCHEMA = ProblemSchema

    def _register_error_handlers(self) -> None:
        """Errors are registered by the app factory."""

    def _register_responses(self) -> None:
        described = {"description": "What is wrong and what to do.", "schema": ProblemSchema}
        prepare_response(described, self.spec, PROBLEM_TYPE)
        self.spec.components.response("Problem", described)


class ApiBlueprint(SmorestBlueprint):  # type: ignore[misc]
    """A part of a service's API; its operations document the conventions that all of them keep."""

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, f"api.{name}", description=description)
        self._prepare_doc_cbks.append(self._document_conventions)

    def arguments(self, schema: type[ma.Schema] | ma.Schema, **kwargs: Any) -> Any:
        """The schema of a part of the request, made once and not again for each request."""
        return super().arguments(schema() if isinstance(schema, type) else schema, **kwargs)

    @staticmethod
    def _document_conventions(doc: dict[str, Any], _info: Any, *, method: str, **_: Any) -> dict[str, Any]:
        responses = doc.setdefault("responses", {})
        for status in [s for s in responses if str(s).isdigit() and int(s) >= 400]:
            del responses[status]
        responses["default"] = {"$ref": "#/components/responses/Problem"}
        doc.setdefault("security", [{"token": []}])
        headers = [_header(WAIT_HEADER, "Tokens of writes to wait for (at most 5 s), comma-separated.")]
        if method.lower() == "post":
            headers.append(_header("Idempotency-Key", "Repeating it repeats the answer, not the effect."))
        if method.lower() in {"patch", "put", "delete"}:
            headers.append(_header("If-Match", "The ETag that was read; 428 without, 412 when stale."))
        doc.setdefault("parameters", []).extend(headers)
        return doc


def _header(name: str, description: str) -> dict[str, Any]:
    return {"in": "header", "name": name, "description": description, "schema": {"type": "string"}}


class _Json(JSONProvider):
    """orjson: a 20 KB answer takes a third of the time that the standard library needs."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return orjson.dumps(obj, default=str).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        body = orjson.dumps(self._prepare_response_obj(args, kwargs), default=str)
        return Response(body, mimetype="application/json")


# --- fields ------------------------------------------------------------------------------------------------


class Text(ma.fields.String):
    """Text that can be stored: trimmed, without control characters, at most `longest` characters."""

    def __init__(self, *, longest: int = 200, shortest: int = 0, **kwargs: Any) -> None:
        metadata = kwargs.pop("metadata", {})
        super().__init__(metadata=metadata, validate=ma.validate.Length(shortest, longest), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs).replace("\r\n", "\n").strip()
        if _UNSTORABLE.search(text):
            raise ma.ValidationError("Remove the control characters.")
        return text


class Choice(ma.fields.String):
    """One of a closed list of values."""

    def __init__(self, values: Sequence[str], **kwargs: Any) -> None:
        super().__init__(validate=ma.validate.OneOf(list(values)), **kwargs)


class Instant(ma.fields.Field[datetime]):
    """RFC 3339 in UTC; where `dates` is true a plain date means its start in the agency's time zone."""

    def __init__(self, *, dates: bool = False, **kwargs: Any) -> None:
        described = {"type": "string"} if dates else {"type": "string", "format": "date-time"}
        super().__init__(metadata=described | kwargs.pop("metadata", {}), **kwargs)
        self._dates = dates

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else clock.rfc3339(value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            if self._dates and len(str(value)) == 10:
                return clock.start_of_day(date.fromisoformat(value), runtime().settings.timezone)
            return clock.instant(value)
        except (TypeError, ValueError, OverflowError):
            raise ma.ValidationError("Write a time such as 2026-11-24T08:15:00Z.") from None


# --- resources ---------------------------------------------------------------------------------------------


def etag(version: int) -> str:
    """The entity tag of a resource at a version."""
    return f'"{version}"'


def check_match(version: int, *, required: bool = False) -> None:
    """Refuse a change of something that moved on: 412; 428 where the condition is `required` and missing."""
    header = request.headers.get("If-Match") if has_request_context() else None
    if header is None:
        if required:
            raise Problem(428, "precondition-required", "Send If-Match with the ETag that you read.")
        return
    given = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    if header.strip() != "*" and etag(version) not in given:
        raise Problem(412, "stale", "Somebody changed this meanwhile; read it again and repeat your change.")


def tagged(resource: Any, *, location: str | None = None) -> tuple[Any, int, dict[str, str]]:
    """A resource with its ETag: 201 with `location` when it was created, else 200."""
    headers = {"ETag": etag(resource.version)}
    if location is None:
        return resource, 200, headers
    return resource, 201, headers | {"Location": location}


# --- paging ------------------------------------------------------------------------------------------------


class PageArgs(ma.Schema):
    """How much of a list to answer, and where to go on."""

    class Meta:
        unknown = ma.EXCLUDE

    limit = ma.fields.Integer(load_default=50, validate=ma.validate.Range(1, 200))
    cursor = ma.fields.String(load_default="", validate=ma.validate.Length(0, 2000))


def page_of(item: type[ma.Schema]) -> type[ma.Schema]:
    """The schema of a page of a list: `items` and `next`."""
    return ma.Schema.from_dict(
        {
            "items": ma.fields.List(ma.fields.Nested(item), required=True),
            "next": ma.fields.String(required=True, allow_none=True),
        },
        name=f"{item.__name__}Page",
    )


def sign_cursor(values: Sequence[Any]) -> str:
    """An opaque, signed cursor that holds these JSON values."""
    return str(_signer().dumps(list(values)))


def read_cursor(cursor: str) -> list[Any]:
    """The values of a cursor. Raises 400 for one that this product did not make."""
    try:
        return cast(list[Any], _signer().loads(cursor))
    except BadSignature:
        raise Problem(
            400, "bad-cursor", "This cursor was not made here; start from the first page."
        ) from None


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(runtime().settings.secret, salt="cursor")


def paginate(
    session: Session,
    query: Select[Any],
    order: Sequence[Any],
    *,
    limit: int,
    cursor: str = "",
    newest_first: bool = False,
) -> dict[str, Any]:
    """One page of a query of rows, ordered by columns whose last one is unique.

    All columns are compared together, so the order is the same direction for each.
    """
    if cursor:
        after = read_cursor(cursor)
        if len(after) != len(order):
            raise Problem(
                400, "bad-cursor", "This cursor belongs to another list; start from the first page."
            )
        here, there = tuple_(*order), tuple_(*_typed(order, after))
        query = query.where(here < there if newest_first else here > there)
    query = query.order_by(*[column.desc() if newest_first else column for column in order]).limit(limit + 1)
    rows = list(session.scalars(query))
    items = rows[:limit]
    following = None
    if len(rows) > limit:
        last = items[-1]
        following = sign_cursor([_plain(getattr(last, column.key)) for column in order])
    return {"items": items, "next": following}


def _plain(value: Any) -> Any:
    return {"at": clock.rfc3339(value)} if isinstance(value, datetime) else value


def _typed(order: Sequence[Any], values: Sequence[Any]) -> list[Any]:
    plain = [clock.instant(value["at"]) if isinstance(value, dict) else value for value in values]
    return [literal(value, column.type) for column, value in zip(order, plain, strict=True)]
