"""The files that browsers load, served by each service under a version made of their content."""

from __future__ import annotations

import gzip
import hashlib
import json
import mimetypes
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, Response, abort, current_app, request
from markupsafe import Markup

FOLDER = Path(__file__).parents[1] / "static"
FOREVER = "public, max-age=31536000, immutable"
_SERVED = {".css", ".js", ".svg", ".txt"}
_mimetypes = mimetypes.MimeTypes()


@lru_cache(maxsize=1)
def _files() -> dict[str, Path]:
    paths = (path for path in FOLDER.rglob("*") if path.is_file() and path.suffix in _SERVED)
    return {path.relative_to(FOLDER).as_posix(): path for path in sorted(paths)}


@lru_cache(maxsize=1)
def version() -> str:
    """Changes whenever any file does, so that browsers may keep each answer for ever."""
    digest = hashlib.sha256()
    for name, path in _files().items():
        digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


@lru_cache(maxsize=1)
def _icons() -> frozenset[str]:
    return frozenset(json.loads((FOLDER / "vendor" / "VERSIONS.json").read_text())["icons"])


@lru_cache(maxsize=64)
def _compressed(name: str) -> bytes:
    return gzip.compress(_files()[name].read_bytes(), 6, mtime=0)


def asset(name: str) -> str:
    """The URL of a file below `shared/static`. Raises KeyError for one that is not there."""
    if name not in _files():
        raise KeyError(name)
    return f"/{current_app.config['ACM_SERVICE']}/static/{version()}/{name}"


def icon(name: str, css: str = "") -> Markup:
    """One of the vendored Tabler icons, decorative. Raises KeyError for one that is not vendored."""
    if name not in _icons():
        raise KeyError(f"{name} is not among the icons of VERSIONS.json")
    drawing = '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>'
    return Markup(drawing).format(css, asset("vendor/icons.svg"), name)


def blueprint(service: str) -> Blueprint:
    """Serves the files. Its endpoint ends in `.static`: nobody is looked up for it."""
    files = Blueprint("acm_assets", __name__)

    @files.get(f"/{service}/static/<wanted>/<path:name>", endpoint="static")
    def static(wanted: str, name: str) -> Response:
        if name not in _files():
            abort(404)
        kind = _mimetypes.guess_type(name)[0] or "application/octet-stream"
        if request.accept_encodings["gzip"] > 0:
            answer = Response(_compressed(name), mimetype=kind)
            answer.content_encoding = "gzip"
        else:
            answer = Response(_files()[name].read_bytes(), mimetype=kind)
        answer.vary.add("Accept-Encoding")
        # Another version than the present one is answered too (a page from before an upgrade), but not kept.
        answer.headers["Cache-Control"] = FOREVER if wanted == version() else "no-cache"
        return answer

    return files
